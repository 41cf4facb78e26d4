import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinnedEnvironment, repositoryRoot, tool } from './install.mjs';

/** What each layer may depend on. Tests of any layer may use the test layer, as a development dependency. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core', 'wire'],
  source: ['core'],
  kit: ['core'],
  backend: ['core', 'wire', 'kit'],
  app: ['core', 'wire', 'kit', 'source', 'backend'],
  test: ['core', 'wire', 'kit', 'source', 'backend', 'app', 'test'],
};

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly fromLayer: string;
  readonly toLayer: string;
  /** The target is only a development dependency of the source. */
  readonly development: boolean;
}

function violations(edges: readonly Edge[]): readonly string[] {
  const wrong = edges.filter(({ fromLayer, toLayer, development }) => {
    if (toLayer === 'test' && development) return false;
    return !(allowed[fromLayer] ?? []).includes(toLayer);
  });
  return wrong.map(({ from, to, fromLayer, toLayer }) => `${from} (${fromLayer}) -> ${to} (${toLayer})`);
}

interface Graph {
  readonly nodes: Readonly<
    Record<string, { readonly data: { readonly root: string; readonly tags?: readonly string[] } }>
  >;
  readonly dependencies: Readonly<Record<string, readonly { readonly target: string }[]>>;
}

function readGraph(): Graph {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-graph-'));
  const file = path.join(folder, 'graph.json');
  const { node, env } = pinnedEnvironment();
  try {
    execFileSync(node, tool('nx', 'graph', `--file=${file}`), { cwd: repositoryRoot, env, stdio: 'pipe' });
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly graph: Graph }).graph;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function layerOf(graph: Graph, name: string): string {
  const tags = graph.nodes[name]?.data.tags ?? [];
  return tags.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length) ?? 'none';
}

/** Folders of tools, examples and benchmarks are projects, but no packages: nothing that is published depends on theirs. */
function productionDependencies(graph: Graph, name: string): ReadonlySet<string> {
  const manifest = path.join(repositoryRoot, graph.nodes[name]?.data.root ?? '', 'package.json');
  if (!existsSync(manifest)) return new Set();
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  return new Set(Object.keys(dependencies));
}

function edgesOf(graph: Graph): readonly Edge[] {
  return Object.entries(graph.dependencies).flatMap(([from, targets]) => {
    const production = productionDependencies(graph, from);
    const inside = targets.filter(({ target }) => target in graph.nodes);
    return inside.map(({ target }) => ({
      from,
      to: target,
      fromLayer: layerOf(graph, from),
      toLayer: layerOf(graph, target),
      development: !production.has(target),
    }));
  });
}

describe('dependencies between packages', () => {
  it('point one way: every edge of the nx graph is allowed by the layers', { timeout: 60_000 }, () => {
    const graph = readGraph();
    const layers = Object.keys(graph.nodes).map((name) => `${name} ${layerOf(graph, name)}`);
    expect(layers.filter((line) => !Object.keys(allowed).includes(line.split(' ')[1] ?? ''))).toEqual([]);
    const edges = edgesOf(graph);
    expect(edges.length).toBeGreaterThan(5);
    expect(violations(edges)).toEqual([]);
  });

  it.each([
    ['core', 'source', false],
    ['core', 'wire', false],
    ['wire', 'kit', false],
    ['wire', 'backend', false],
    ['kit', 'backend', false],
    ['backend', 'backend', false],
    ['backend', 'source', false],
    ['source', 'backend', false],
    ['app', 'test', false],
    ['none', 'core', false],
    ['backend', 'app', true],
  ])('%s -> %s would be reported', (fromLayer, toLayer, development) => {
    const edge: Edge = { from: 'one', to: 'other', fromLayer, toLayer, development };
    expect(violations([edge])).toEqual([`one (${fromLayer}) -> other (${toLayer})`]);
  });

  it('allows the test kit as a development dependency', () => {
    const edge = { from: 'one', to: 'kit', fromLayer: 'backend', toLayer: 'test', development: true };
    expect(violations([edge])).toEqual([]);
  });
});
