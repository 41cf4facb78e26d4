/** Reads the scenarios folder (scenarios/README.md) into values. The only part of the testkit that reads files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';
import type { ModelConfig, ObjectEvent, Resource } from '@signalbox/core';
import { RESOURCES } from '@signalbox/core';
import type { ExpectedOutcome } from '@signalbox/core/testing';
import { parsePacketsTable, type PacketRow } from './packets-table.ts';
import { SCENARIO_HOST } from './world.ts';

export interface ScenarioStep {
  /** Empty for a case of one step. */
  readonly name: string;
  readonly folder: string;
  readonly events: readonly ObjectEvent[];
  readonly packets: readonly PacketRow[];
  /** Rows of `packets.<mode>.table`: in that mode they replace the rows with the same packet. */
  readonly packetsFor: Readonly<Record<string, readonly PacketRow[]>>;
}

export interface Scenario {
  /** `feature/case`. */
  readonly id: string;
  readonly title: string;
  readonly proves: readonly string[];
  readonly config: Partial<ModelConfig>;
  /** Per mode: options of the backend. */
  readonly backend: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Per mode: why it does not support this case. */
  readonly unsupported: Readonly<Record<string, string>>;
  /** Why the case cannot be replayed with real sockets; empty when it can. */
  readonly noReplay: string;
  readonly steps: readonly ScenarioStep[];
}

interface ScenarioFile {
  readonly title?: string;
  readonly proves?: readonly string[];
  readonly config?: Partial<ModelConfig>;
  readonly backend?: Scenario['backend'];
  readonly unsupported?: Scenario['unsupported'];
  readonly noReplay?: string;
}

/** Every scenario below `root`, in path order; `only` keeps those whose id contains it. */
export function loadScenarios(root: string, only = ''): readonly Scenario[] {
  const cases = folders(root).flatMap((feature) =>
    folders(path.join(root, feature)).map((name) => `${feature}/${name}`),
  );
  return cases.filter((id) => id.includes(only)).map((id) => loadScenario(root, id));
}

function loadScenario(root: string, id: string): Scenario {
  const folder = path.join(root, id);
  const file = load(readFileSync(path.join(folder, 'scenario.yaml'), 'utf8')) as ScenarioFile;
  if (file.title === undefined || file.proves === undefined) {
    throw new Error(`${id}/scenario.yaml: needs title and proves`);
  }
  const steps = folders(folder).filter((name) => /^\d+-/.test(name));
  return {
    id,
    title: file.title,
    proves: file.proves,
    config: file.config ?? {},
    backend: file.backend ?? {},
    unsupported: file.unsupported ?? {},
    noReplay: file.noReplay ?? '',
    steps:
      steps.length === 0
        ? [loadStep(folder, '')]
        : steps.sort(byNumber).map((name) => loadStep(path.join(folder, name), name)),
  };
}

/** The expected treatment of the packets of a step by a mode; rows of the mode itself are not adapted. */
export function packetsOf(step: ScenarioStep, mode: string, expects?: ExpectedOutcome): readonly PacketRow[] {
  const own = step.packetsFor[mode] ?? [];
  const same = (left: PacketRow, right: PacketRow): boolean =>
    JSON.stringify(left.packet) === JSON.stringify(right.packet);
  const adapted = (row: PacketRow): PacketRow =>
    expects === undefined ? row : { ...row, expected: expects(row.packet, row.expected, SCENARIO_HOST) };
  return step.packets.map((row) => own.find((other) => same(row, other)) ?? adapted(row));
}

function loadStep(folder: string, name: string): ScenarioStep {
  const packetsFor = readdirSync(folder).flatMap((file) => {
    const mode = /^packets\.(.+)\.table$/.exec(file)?.[1];
    return mode === undefined ? [] : [[mode, readPackets(folder, file)] as const];
  });
  return {
    name,
    folder,
    events: [...upserts(folder), ...deletes(folder)],
    packets: readPackets(folder, 'packets.table'),
    packetsFor: Object.fromEntries(packetsFor),
  };
}

function readPackets(folder: string, name: string): readonly PacketRow[] {
  const file = path.join(folder, name);
  return parsePacketsTable(readIfThere(file) ?? '', file);
}

function upserts(folder: string): readonly ObjectEvent[] {
  const text = readIfThere(path.join(folder, 'objects.yaml'));
  if (text === undefined) return [];
  return loadAll(text)
    .filter((object) => object !== null && object !== undefined)
    .map((object) => {
      const kind = (object as { readonly kind?: unknown }).kind;
      const resource = RESOURCES.find((known) => known === kind);
      if (resource === undefined) throw new Error(`${folder}/objects.yaml: unknown kind ${String(kind)}`);
      return { type: 'upsert', resource, object } as const;
    });
}

function deletes(folder: string): readonly ObjectEvent[] {
  const text = readIfThere(path.join(folder, 'delete.yaml'));
  if (text === undefined) return [];
  return (load(text) as readonly string[]).map((line) => {
    const match = /^(\w+) (?:([^/]+)\/)?([^/]+)$/.exec(line);
    if (match === null) throw new Error(`${folder}/delete.yaml: not "Kind namespace/name": ${line}`);
    return {
      type: 'delete',
      resource: match[1] as Resource,
      namespace: match[2] ?? '',
      name: match[3] ?? '',
    };
  });
}

function byNumber(left: string, right: string): number {
  return Number.parseInt(left, 10) - Number.parseInt(right, 10);
}

function folders(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
