import { Injectable, Module, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
import {
  getRaftCounterToken,
  getRaftMapToken,
  getRaftSequenceToken,
  InjectRaftBarrier,
  InjectRaftCounter,
  InjectRaftLock,
  InjectRaftMap,
  InjectRaftQueue,
  InjectRaftSemaphore,
  InjectRaftSequence,
  type RaftBarrier,
  raftBarrier,
  type RaftCounter,
  raftCounter,
  type RaftLockService,
  type RaftMap,
  raftMap,
  RaftModule,
  type RaftQueue,
  raftQueue,
  type RaftSemaphore,
  raftSemaphore,
  type RaftSequence,
  raftSequence,
} from '../../index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

@Injectable()
class Shop {
  constructor(
    @InjectRaftMap('flags') readonly flags: RaftMap<boolean>,
    @InjectRaftCounter('visits') readonly visits: RaftCounter,
    @InjectRaftSequence('orders') readonly orders: RaftSequence,
    @InjectRaftQueue('mails') readonly mails: RaftQueue<string>,
    @InjectRaftSemaphore('exports') readonly exports: RaftSemaphore,
    @InjectRaftBarrier('loaded') readonly loaded: RaftBarrier,
    @InjectRaftLock() readonly locks: RaftLockService,
  ) {}
}

@Module({
  imports: [
    RaftModule.forFeature([
      raftMap<boolean>('flags'),
      raftCounter('visits'),
      raftSequence('orders', { blockSize: 10 }),
      raftQueue<string>('mails'),
      raftSemaphore('exports', { permits: 2 }),
      raftBarrier('loaded', { parties: 1 }),
    ]),
  ],
  providers: [Shop],
  exports: [Shop],
})
class ShopModule {}

@Injectable()
class Admin {
  constructor(
    @InjectRaftMap('flags') readonly flags: RaftMap<boolean>,
    @InjectRaftMap('other') readonly other: RaftMap<number>,
    @InjectRaftSequence('orders') readonly orders: RaftSequence,
  ) {}
}

@Module({
  imports: [RaftModule.forFeature([raftMap<boolean>('flags'), raftMap<number>('other'), raftSequence('orders')])],
  providers: [Admin],
  exports: [Admin],
})
class AdminModule {}

describe('primitives in modules', () => {
  it('are injected by their names, and are one thing however many modules name them', async () => {
    const module = await Test.createTestingModule({ imports: [RaftModule.forRoot(), ShopModule, AdminModule] })
      .setLogger(SILENT)
      .compile();
    await module.init();
    const shop = module.get(Shop);
    const admin = module.get(Admin);

    await shop.flags.set('dark', true);
    await admin.other.set('dark', 7);
    expect(await admin.flags.get('dark')).toBe(true);
    expect(await shop.flags.size()).toBe(1);
    expect(await shop.visits.increment()).toBe(1);
    expect([await shop.orders.next(), await admin.orders.next(), await shop.orders.next()]).toEqual([1, 11, 2]);
    await shop.mails.send('hello');
    const [mail] = await shop.mails.receive({ waitMs: 1_000 });
    expect(mail?.body).toBe('hello');
    expect(await mail!.ack()).toBe(true);
    expect(await shop.exports.run({}, ({ token }) => token > 0)).toBe(true);
    expect(await shop.loaded.wait()).toEqual({ generation: 1, position: 0 });
    expect(await shop.locks.run('a', {}, ({ token }) => token > 0)).toBe(true);
    await module.close();
  });

  it('end what is due by themselves in a running application', async () => {
    const module = await Test.createTestingModule({ imports: [RaftModule.forRoot(), ShopModule] })
      .setLogger(SILENT)
      .compile();
    await module.init();
    const { flags } = module.get(Shop);
    const ended = new Promise<string>((resolve) => {
      flags.watch().subscribe(({ type, key }) => {
        if (type === 'expire') resolve(key);
      });
    });
    await flags.set('short', true, { ttlMs: 50 });
    expect(await ended).toBe('short');
    await module.close();
  });

  it('say what is missing: forFeature, and forRoot', async () => {
    @Module({ providers: [Admin] })
    class WithoutFeature {}
    await expect(
      Test.createTestingModule({ imports: [RaftModule.forRoot(), WithoutFeature] })
        .setLogger(SILENT)
        .compile(),
    ).rejects.toThrow("RaftMap, which RaftModule.forFeature([raftMap('flags')]) provides: add it to the imports");
    const module = await Test.createTestingModule({ imports: [AdminModule] })
      .setLogger(SILENT)
      .compile();
    await expect(module.init()).rejects.toThrow(
      "RaftModule.forFeature([raftMap('flags'), raftMap('other'), raftSequence('orders')]) is imported, and no RaftModule.forRoot()",
    );
  });

  it('have tokens that tell their kinds, names and groups apart', () => {
    const tokens = [
      getRaftMapToken('a'),
      getRaftMapToken('b'),
      getRaftMapToken('a', 'other'),
      getRaftCounterToken('a'),
      getRaftSequenceToken('a'),
    ];
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(getRaftMapToken('a', 'default')).toBe(getRaftMapToken('a'));
  });

  it.each(['', '1a', 'a b', 'a'.repeat(64)])('refuse the name %j', (name) => {
    expect(() => raftMap(name)).toThrow('a name is 1 to 63 characters');
  });
});

/** The names that a source file imports from the library's rooms, but for its own. */
function importsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements
    .filter(ts.isImportDeclaration)
    .filter(({ moduleSpecifier }) =>
      /^(\.\.\/){2,}(state-machine|core|runtime|nest)/.test((moduleSpecifier as ts.StringLiteral).text),
    )
    .flatMap(({ importClause }) => {
      const bindings = importClause?.namedBindings;
      return bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
    })
    .map(({ name, propertyName }) => (propertyName ?? name).text);
}

describe('the state machines of primitives', () => {
  const files = readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('machine.ts'))
    .map((file) => join(__dirname, file));
  const published = readFileSync(join(__dirname, '../../index.ts'), 'utf8');

  it.each(files.map((file) => [basename(file), file]))(
    '%s is written with what the package exports: a user could have written it',
    (_name, file) => {
      const imported = importsOf(file);
      expect(imported.length).toBeGreaterThan(0);
      const contract = ['SnapshotSource'];
      expect(
        imported.filter((name) => !contract.includes(name) && !new RegExp(`\\b${name}\\b`).test(published)),
      ).toEqual([]);
    },
  );

  it('are all looked at', () => {
    expect(files).toHaveLength(9);
  });
});
