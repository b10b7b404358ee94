/** Modules that the build turns into what the platform loads. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*.bin' {
  const file: ArrayBuffer;
  export default file;
}
declare module '*.html' {
  const text: string;
  export default text;
}
/** Made by scripts/build/opus.ts: the decoder without its WebAssembly, which it is given. */
declare module '*/opus-decoder.mjs' {
  interface DecoderOptions {
    sampleRate: number;
    channels: number;
    streamCount: number;
    coupledStreamCount: number;
    channelMappingTable: number[];
  }
  interface Decoder {
    readonly ready: Promise<void>;
    decodeFrame(frame: Uint8Array): { channelData: Float32Array[]; samplesDecoded: number };
    free(): void;
    /** The decoder's own; scripts/build/opus.ts adds the counter of scripts/build/fuel.ts. */
    readonly _common: { readonly wasm: { readonly fuel: WebAssembly.Global } };
  }
  const OpusDecoder: { new (options: DecoderOptions): Decoder; module: WebAssembly.Module };
  export default OpusDecoder;
}
/** libwebp's decoder without its WebAssembly, which it is given; the package has no types for it. */
declare module '@jsquash/webp/codec/dec/webp_dec.js' {
  interface DecoderOptions {
    readonly noInitialRun: boolean;
    readonly locateFile: (path: string) => string;
    readonly instantiateWasm: (
      imports: WebAssembly.Imports,
      done: (instance: WebAssembly.Instance) => void,
    ) => WebAssembly.Exports;
  }
  interface DecodedWebp {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
  }
  interface WebpDecoder {
    decode(bytes: Uint8Array): DecodedWebp | null;
  }
  const createDecoder: (options: DecoderOptions) => Promise<WebpDecoder>;
  export default createDecoder;
}
/** Made by scripts/build/ort.ts: onnxruntime-web with a memory of its own. */
declare module '*/create-ort.mjs' {
  const createOrt: (webAssembly: typeof WebAssembly) => typeof import('onnxruntime-web/wasm');
  export default createOrt;
}
/** Made by scripts/build/phonemes.ts: the English half of phonemize. */
declare module '*/english-g2p.mjs' {
  export class EnglishG2P {
    tagWord(word: string, context?: { prev?: string; next?: string }): { pos: string };
    predict(word: string, language?: string, pos?: string): string | null;
  }
}
/** Made by scripts/build/pdf.ts: pdf.js with a bound on what streams decode to. */
declare module '*/pdfjs.mjs' {
  export interface PdfTextItem {
    readonly str: string;
    readonly transform: readonly number[];
    readonly width: number;
    readonly height: number;
    readonly hasEOL: boolean;
  }
  export interface PdfPage {
    streamTextContent(): ReadableStream<{ readonly items: readonly PdfTextItem[] }>;
    cleanup(): boolean;
  }
  export interface PdfDocument {
    readonly numPages: number;
    getPage(number: number): Promise<PdfPage>;
  }
  interface LoadingTask {
    readonly docId: string;
    readonly promise: Promise<PdfDocument>;
    destroy(): Promise<void>;
  }
  export function getDocument(options: Readonly<Record<string, unknown>>): LoadingTask;
  /**
   * `room` is told of the bytes that a stream takes in addition, and of all of it, with the `docId` of its document if
   * that is known; `form` of each page and form that is drawn, which waits for the promise that it may give.
   */
  export function onWork(
    room: (docId: string | undefined, bytes: number, streamBytes: number) => void,
    form: (docId: string | undefined) => Promise<void> | null,
  ): void;
  export const VerbosityLevel: { readonly ERRORS: number };
}
