import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

// Which file may import which: the rules of docs/architecture.md, over the imports that TypeScript's parser finds.

const ROOT = fileURLToPath(new URL('../src/', import.meta.url));

type Import = { from: string; to: string; typeOnly: boolean };

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('generated/'))
  .sort();
const sources = new Map(files.map((file) => [file, ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true)]));

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const nodesOf = (file: string): ts.Node[] => {
  const nodes: ts.Node[] = [];
  walk(sources.get(file)!, (node) => nodes.push(node));
  return nodes;
};

/** A module of this tree by its path in src, another by its name. */
const target = (from: string, specifier: string) => (specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(from), specifier)) : specifier);

function importsOf(from: string): Import[] {
  return nodesOf(from).flatMap((node): Import[] => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings;
      const allTypes = bindings !== undefined && ts.isNamedImports(bindings) && bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
      return [{ from, to: target(from, node.moduleSpecifier.text), typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword || allTypes }];
    }
    if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) return [{ from, to: target(from, node.moduleSpecifier.text), typeOnly: node.isTypeOnly }];
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier && ts.isStringLiteral(specifier)) return [{ from, to: target(from, specifier.text), typeOnly: false }];
    }
    return [];
  });
}

const imports = files.flatMap(importsOf);
const values = imports.filter(({ typeOnly }) => !typeOnly);
const shown = (found: readonly Import[]) => found.map(({ from, to }) => `${from} -> ${to}`);

/** The imports of a package, or of a module below it. */
const of = (name: string) => (each: Import) => each.to === name || each.to.startsWith(`${name}/`);

describe('imports point inward', () => {
  // What stands further out; nothing further in may know of it.
  const DOORS = /^(graphql|rest|http)\/|\/(graphql|rest)(\.ts|\/)|^(graphql|graphql-yoga|graphql-ws|fastify|ws)$|^@(pothos|fastify|graphql-yoga|escape\.tech)\//;
  const inner = (file: string) =>
    /^(store|live|auth|resources)\//.test(file) || /^(session|event|project|api-key|stats)\//.test(file) && !/\/(graphql|rest)(\.ts|\/)/.test(file) || ['errors.ts', 'log.ts', 'metrics.ts', 'scope.ts', 'config.ts'].includes(file);

  it('from domain, store, live hub and keys to no door', () => {
    expect(shown(imports.filter(({ from, to }) => inner(from) && DOORS.test(to)))).toEqual([]);
  });

  it('from store, live hub and errors to no noun', () => {
    const noun = /^(session|event|project|api-key|stats)\//;
    expect(shown(imports.filter(({ from, to }) => (/^(store|live|resources)\//.test(from) || from === 'errors.ts') && noun.test(to)))).toEqual([]);
  });

  it('from a noun to no other noun but by its service, access, filter or GraphQL type', () => {
    const noun = /^(session|event|project|api-key|stats)\//;
    const sideways = values.filter(({ from, to }) => noun.test(from) && noun.test(to) && noun.exec(from)![0] !== noun.exec(to)![0]);
    const allowed = ({ from, to }: Import) => /\/(service|access|filter|effective)\.ts$/.test(to) || (/\/graphql(\.ts|\/)/.test(from) && /\/graphql\.ts$/.test(to));
    expect(shown(sideways.filter((each) => !allowed(each)))).toEqual([]);
  });

  it('from a door to no other door', () => {
    expect(shown(imports.filter(({ from, to }) => /^rest\/|\/rest\.ts$/.test(from) && /^graphql\/|\/graphql(\.ts|\/)|^graphql$/.test(to)))).toEqual([]);
    expect(shown(imports.filter(({ from, to }) => /^graphql\/|\/graphql(\.ts|\/)/.test(from) && /^rest\/|\/rest\.ts$/.test(to)))).toEqual([]);
  });

  it('to main.ts and app.ts from nowhere but main.ts and the command line', () => {
    expect(shown(imports.filter(({ from, to }) => ['main.ts', 'app.ts'].includes(to) && !['main.ts', 'keys.ts'].includes(from)))).toEqual([]);
  });
});

describe('a dependency has one owner', () => {
  it.each<[name: string, owner: RegExp, which: readonly Import[]]>([
    ['ioredis', /^live\/redis\.ts$/, imports],
    ['@electric-sql/pglite', /^resources\//, imports],
    ['@prisma/adapter-pg', /^store\//, imports],
    ['pg', /^(resources|store)\//, values],
    ['rate-limiter-flexible', /^(auth|resources)\//, values],
    ['pino', /^log\.ts$/, imports],
    ['prom-client', /^metrics\.ts$/, imports],
    ['graphql-yoga', /^graphql\//, imports],
    ['graphql-ws', /^graphql\//, imports],
    ['@pothos', /^graphql\/|\/graphql(\.ts|\/)/, imports],
    ['fastify', /^(http|rest|graphql)\/|\/rest\.ts$|^app\.ts$/, imports],
    ['lru-cache', /^auth\//, imports],
    ['dataloader', /^graphql\//, imports],
  ])('%s', (name, owner, which) => {
    expect(imports.some(of(name)), `${name} is not used any more`).toBe(true);
    expect(shown(which.filter((each) => of(name)(each) && !owner.test(each.from)))).toEqual([]);
  });

  it('the Prisma client: its values in store/, its types anywhere', () => {
    const client = values.filter(({ to }) => to.startsWith('generated/') || of('@prisma/client')({ from: '', to, typeOnly: false }));
    expect(shown(client.filter(({ from, to }) => !from.startsWith('store/') && !(from === 'graphql/builder.ts' && to === 'generated/pothos.ts')))).toEqual([]);
  });

  it('the environment: config.ts; the console: nobody; process.exit: main.ts, the command line, and a worker of its own thread', () => {
    const uses = (object: string, name?: string) =>
      files.filter((file) => nodesOf(file).some((node) => ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === object && (name === undefined || node.name.text === name)));
    expect(uses('process', 'env')).toEqual(['config.ts']);
    expect(uses('console')).toEqual([]);
    expect(uses('process', 'exit').filter((file) => !['main.ts', 'keys.ts', 'resources/pglite-worker.ts'].includes(file))).toEqual([]);
  });
});

describe('modules', () => {
  it('do not import one another in a circle', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of values) if (sources.has(to)) edges.set(from, [...(edges.get(from) ?? []), to]);
    const circles: string[] = [];
    const done = new Set<string>();
    function follow(file: string, path: readonly string[]) {
      if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) follow(next, [...path, file]);
      done.add(file);
    }
    for (const file of files) follow(file, []);
    expect(circles).toEqual([]);
  });

  it('import what they use from where it is defined: none only passes on what others export', () => {
    const barrels = files.filter((file) => {
      const { statements } = sources.get(file)!;
      const passing = statements.filter((statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined);
      return passing.some((statement) => (statement as ts.ExportDeclaration).exportClause === undefined) || (passing.length > 0 && passing.length === statements.filter((statement) => !ts.isImportDeclaration(statement)).length);
    });
    expect(barrels).toEqual([]);
  });

  it('export by name, and name the files they import as they are', () => {
    expect(files.filter((file) => nodesOf(file).some((node) => ts.isExportAssignment(node) || (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword))))).toEqual([]);
    expect(shown(imports.filter(({ to }) => !to.startsWith('@') && to.includes('/') && !to.startsWith('node:') && !to.endsWith('.ts') && !/^[\w-]+\//.test(to)))).toEqual([]);
    expect(shown(imports.filter(({ to }) => files.includes(`${to}.ts`)))).toEqual([]);
  });
});
