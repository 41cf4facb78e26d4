import { backendError, type BackendError, fail } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import type { Committed, NftablesDriver } from '../driver/nftables-driver.ts';

/**
 * A driver whose writes fail now and then: before the kernel sees them, or after it took them (as if its answer were
 * lost). Operations asked of `faults`: `commit`, `commit end`, `delete table`.
 */
export function withFaults(driver: NftablesDriver, faults: FaultPlan): NftablesDriver {
  return {
    ...driver,
    async commit(work) {
      const { generation } = work;
      if (faults('commit')) return { result: fail(injected('unchanged')), generation, batches: 0 };
      const committed = await driver.commit(work);
      if (!isTaken(committed) || !faults('commit end')) return committed;
      return { ...committed, result: fail(injected('unknown')) };
    },
    async deleteTable() {
      return faults('delete table') ? fail(injected('unchanged')) : driver.deleteTable();
    },
  };
}

function isTaken({ result }: Committed): boolean {
  return result !== 'stale' && result.ok;
}

function injected(kernel: BackendError['kernel']): BackendError {
  return backendError('timeout', 'NFNL_MSG_BATCH_END', 'injected fault', { kernel });
}
