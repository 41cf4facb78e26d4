/** The interface of a backend for the scenario suite: the backend on a fake kernel, and read access to that kernel. Types only. */
import type { Backend, Family, Outcome, Packet } from '../index.ts';

/** Decides, per operation on the fake kernel, whether it fails. Seeded: a run can be repeated. */
export type FaultPlan = (operation: string) => boolean;

/** The host of the fake kernel; the same for every scenario (scenarios/README.md). */
export interface ScenarioHost {
  /** Addresses of the node's interfaces, both families, loopback included. */
  readonly addresses: readonly string[];
  readonly interfaces: { readonly pods: 'cni0'; readonly outside: 'eth0' };
}

/** A backend on a fake kernel of its own, for one family. */
export interface ScenarioInstance {
  readonly backend: Backend;
  /**
   * What the fake kernel holds, in the tool's own syntax: golden file name → text. A dual-stack scenario
   * calls this per family; the runner joins the texts.
   */
  golden(): Readonly<Record<string, string>>;
  /** All possible outcomes for this packet with the objects in the fake kernel. Changes nothing. */
  trace(packet: Packet): Outcome;
  /** One connection: like `trace`, but selects by `random` and records what the kernel records (affinity). */
  connect(packet: Packet, random: () => number): Outcome;
}

/** What a scenario gives to the backend that it runs on. */
export interface ScenarioSetup {
  readonly family: Family;
  readonly host: ScenarioHost;
  readonly faults: FaultPlan;
  /** `masqueradeBit`, `scheduler`, …: the `backend.<mode>` mapping of scenario.yaml, undecoded. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** How this mode handles the packets of every scenario where it differs from the tables, which are written for packet filters. */
export type ExpectedOutcome = (packet: Packet, expected: Outcome, host: ScenarioHost) => Outcome;

/** A proxy mode as the scenario suite runs it. */
export interface ScenarioBackend {
  readonly mode: string;
  /** Absent: the same. */
  readonly expects?: ExpectedOutcome;
  /** Golden files this mode writes per step: `['iptables.restore']`. */
  readonly goldens: readonly string[];
  /** A new instance, on a fake kernel of its own. */
  create(setup: ScenarioSetup): ScenarioInstance;
}
