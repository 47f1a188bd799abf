import { Test } from '@nestjs/testing';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';
import { Type as Nested } from 'class-transformer';
import {
  type CommandContext,
  getStateMachineToken,
  RaftCommand,
  RaftModule,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  type Replicated,
  SnapshotMap,
} from '../../index';
import { checkByClass } from './class-check';

class Size {
  @IsInt() @Min(1) width!: number;
}

class Box {
  @IsString() label!: string;
  @ValidateNested() @Nested(() => Size) size!: Size;
}

@RaftStateMachine('boxes')
class Boxes {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand({ args: [Box] })
  store(_context: CommandContext, box: { label: string; size: { width: number } }): number {
    this.values.set(box.label, box.size.width);
    return box.size.width;
  }

  @RaftCommand()
  roll(_context: CommandContext): number {
    return Math.random();
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

describe('commands in a Nest application', () => {
  it('are checked by class-validator before they are proposed, nested parts included', async () => {
    const app = await Test.createTestingModule({
      imports: [RaftModule.forRoot(), RaftModule.forFeature([Boxes])],
    }).compile();
    await app.init();
    const boxes = app.get<Replicated<Boxes>>(getStateMachineToken(Boxes));
    await expect(boxes.store({ label: 7, size: { width: 0 } } as never)).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'INVALID_ARGUMENTS',
      details: [
        { path: 'args[0].label', message: 'label must be a string' },
        { path: 'args[0].size.width', message: 'width must not be less than 1' },
      ],
    });
    await expect(boxes.store('no box' as never)).rejects.toThrow(/args\[0\] must be an object, as Box is/);
    expect(await boxes.store({ label: 'a', size: { width: 2 } })).toBe(2);
    await app.close();
  });

  it('stop a node that is asked to check them and finds one that can’t be repeated', async () => {
    const app = await Test.createTestingModule({
      imports: [RaftModule.forRoot({ checkDeterminism: true, requestTimeoutMs: 1000 }), RaftModule.forFeature([Boxes])],
    }).compile();
    app.useLogger(false);
    await app.init();
    const boxes = app.get<Replicated<Boxes>>(getStateMachineToken(Boxes));
    expect(await boxes.store({ label: 'a', size: { width: 2 } })).toBe(2);
    await expect(boxes.roll()).rejects.toMatchObject({ code: 'RAFT_INDETERMINATE' });
    expect(app.get(RaftService).status()).toMatchObject({ phase: 'failed' });
    expect(app.get(RaftService).status().reason).toContain('boxes.roll at entry');
    await app.close();
  });

  it('find nothing wrong with what is right', async () => {
    expect(await checkByClass(Size, { width: 3 }, 'args[0]')).toEqual([]);
  });
});
