/** Decoders whose stages lie in this process, each with a memory of its own. */
import { archByName } from '../../engine/archs/index.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { AdapterSource } from '../../engine/model/decoder/contract.ts';
import { loadDecoder } from '../../engine/model/decoder/load-decoder.ts';
import { pieceOf } from '../../engine/model/decoder/piece.ts';
import type { PieceRange } from '../../engine/model/decoder/piece.ts';
import type { PlanOptions } from '../../engine/model/decoder/plan.ts';
import { RingDecoder } from '../../engine/model/decoder/ring.ts';
import type { RingOptions } from '../../engine/model/decoder/ring.ts';
import { DecoderStage } from '../../engine/model/decoder/stage.ts';
import type {
  HeadCall,
  HeadRow,
  LayersAnswer,
  LayersCall,
  StageLink,
} from '../../engine/model/decoder/stage.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { sourceFrom } from './models.ts';

/** Pieces of stories260K: its vocabulary apart from its five layers. */
export const STORIES_PIECES: readonly PieceRange[] = [
  { layers: [0, 2], rows: [0, 0] },
  { layers: [2, 3], rows: [0, 512] },
  { layers: [3, 5], rows: [0, 0] },
];

type Call = 'open' | 'embed' | 'layers' | 'head' | 'hold';

/** A stage whose calls take turns of the event loop and copy what they are given, as RPC does. */
export class RemoteStage implements StageLink {
  readonly name: string;
  readonly piece: PieceRange;
  stage: DecoderStage;
  /** Called when a call arrives; may put another stage in place or throw. */
  before: (call: Call) => void = () => {};
  /** Answers in place of `layers`. */
  replace: (call: LayersCall, run: () => LayersAnswer) => LayersAnswer = (_, run) => run();

  constructor(stage: DecoderStage) {
    this.name = stage.name;
    this.piece = stage.piece;
    this.stage = stage;
  }

  async open(session: string): Promise<void> {
    await this.#arrive('open');
    this.stage.open(session);
  }

  async embed(...call: Parameters<StageLink['embed']>): Promise<Float32Array> {
    const sent = structuredClone(call);
    await this.#arrive('embed');
    return this.stage.embed(...sent);
  }

  async layers(call: LayersCall): Promise<LayersAnswer> {
    const sent = structuredClone(call);
    await this.#arrive('layers');
    return this.replace(sent, () => this.stage.layers(sent));
  }

  async head(call: HeadCall): Promise<readonly HeadRow[]> {
    const sent = structuredClone(call);
    await this.#arrive('head');
    return this.stage.head(sent);
  }

  async holdAdapter(source: AdapterSource): Promise<void> {
    await this.#arrive('hold');
    await this.stage.holdAdapter(source);
  }

  dropAdapter(id: string): void {
    this.stage.dropAdapter(id);
  }

  async #arrive(call: Call): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.before(call);
  }
}

export async function stagesFrom(
  source: ModelSource<DecoderManifest>,
  pieces: readonly PieceRange[],
  options: PlanOptions = {},
): Promise<DecoderStage[]> {
  const modules = await loadKernelModules();
  const stages: DecoderStage[] = [];
  for (const [i, range] of pieces.entries()) {
    const piece = pieceOf(source.manifest, range);
    const { decoder } = await loadDecoder(source, modules, {
      ...{ memoryBudgetBytes: null, ...options },
      piece,
    });
    stages.push(new DecoderStage(`stage-${i}`, decoder));
  }
  return stages;
}

/** A ring over pieces of what `input` imports to; its stages answer in later turns of the event loop. */
export async function ringFrom(
  input: string,
  preset: string,
  pieces: readonly PieceRange[],
  options: Partial<RingOptions> & { readonly plan?: PlanOptions } = {},
): Promise<RingDecoder> {
  const source = await sourceFrom(input, preset);
  const stages = await stagesFrom(source, pieces, options.plan);
  return ringOver(
    source.manifest,
    stages,
    stages.map((stage) => new RemoteStage(stage)),
    options,
  );
}

export function ringOver(
  { config, architecture }: DecoderManifest,
  stages: readonly DecoderStage[],
  links: readonly StageLink[],
  options: Partial<RingOptions> = {},
): RingDecoder {
  const { nCtx, nPage } = stages[0]!.limits;
  const learnedPositions = archByName(architecture).positions === 'learned';
  return new RingDecoder(config, links, { nCtx, nPage, learnedPositions, ...options });
}
