/** What one token costs a model where it lies: weights that are read, and calls between isolates. */
import type { Replica } from '../manifest/placement.ts';
import type { DecoderManifest, TensorRow } from '../manifest/manifest.ts';
import { isEmpty } from '../model/decoder/piece.ts';
import { rowStride } from '../model/memory/layout.ts';

export interface TokenCost {
  /** Bytes of weights that are read, in all isolates together; keys and values come on top. */
  readonly weightBytes: number;
  /** Calls from the leader to other isolates; one more for a token whose embedding it has not kept. */
  readonly nCall: number;
  /** Bytes that the calls carry there and back when only the likeliest token is wanted. */
  readonly callBytes: number;
  /** The same when a sampler looks at all logits. */
  readonly sampledCallBytes: number;
  /** Isolates that are kept busy. */
  readonly nIsolate: number;
}

/** Bytes of a number of hidden states and logits. */
const FLOAT_BYTES = 4;

/** Costs of one token of one text that is generated alone. */
export function tokenCost(manifest: DecoderManifest, { pieces }: Replica): TokenCost {
  const hiddenBytes = rowStride(manifest.config.nEmbd) * FLOAT_BYTES;
  const [, ...others] = pieces;
  const withLayers = others.filter(({ layers }) => !isEmpty(layers));
  const withRows = others.filter(({ rows }) => !isEmpty(rows));
  const logits = withRows.reduce((sum, { rows: [from, to] }) => sum + to - from, 0);
  // Rows in the isolate of the last layers are asked for in the same call.
  const last = pieces.find(({ layers: [, end] }) => end === manifest.config.nLayer);
  const asked = withRows.filter((piece) => piece !== last);
  // A row to each and back; the rows of the vocabulary answer with the embedding of their likeliest token.
  const nRow = 2 * withLayers.length + asked.length + withRows.length;
  const callBytes = nRow * hiddenBytes;
  return {
    weightBytes: weightBytesOf(manifest),
    nCall: withLayers.length + asked.length,
    callBytes,
    sampledCallBytes: callBytes + logits * FLOAT_BYTES,
    nIsolate: pieces.length,
  };
}

function weightBytesOf({ config, tensors }: DecoderManifest): number {
  const hasHead = tensors.some(({ name }) => name === 'head');
  const { nExpert, nExpertUsed = 0 } = config;
  const share = ({ name }: TensorRow): number => {
    // One row of it, unless it is the head as well.
    if (name === 'tokEmbd' && hasHead) return 0;
    return nExpert !== undefined && /\.experts\./.test(name) ? nExpertUsed / nExpert : 1;
  };
  return Math.round(tensors.reduce((sum, row) => sum + row.bytes * share(row), 0));
}
