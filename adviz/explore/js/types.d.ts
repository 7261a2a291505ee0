// What the modules of the explorers tell each other. tsc checks them against it (tests/javascript); browsers never see it.

/** Rows, columns. */
export type Size = [number, number];
/** Row, column of an image's pixel, from 0. */
export type Pixel = [number, number];
/** Top, left, height, width in pixels of an image. */
export type Box = [number, number, number, number];
/** Lower and upper end of a colour scale or an axis. */
export type Range = [number, number];

/** What the browser always has: everything small. `kit/source.py` writes it. */
export interface Facts {
  /** Names the source: explorers of one source on a page share its parts. */
  id: string;
  /** Side of a small picture in a sheet, pixels. */
  small: number;
  /** Small pictures in a row of a sheet. */
  columns: number;
  /** Small pictures in a sheet. */
  page: number;
  /** Of the Gaussian that smooths maps, pixels. */
  sigma: number;
  categories: Record<string, CategoryFacts>;
}

export interface CategoryFacts {
  /** Of test and training images, pixels. */
  size: Size;
  trainSize: Size;
  /** Names of the test and training images without folder of the split and ending: "broken/001". */
  names: string[];
  trainNames: string[];
  /** 0 good, 1 anomalous, -1 unlabelled. */
  labels: number[];
  defects: string[];
  /** Whether any test image has a mask. */
  masked: boolean;
  /** null: still to be computed. */
  detectors: Record<string, DetectorFacts | null>;
}

export interface DetectorFacts {
  scores: number[];
  /** A threshold to begin with (null: one image alone tells none), and how it was chosen: "F1-optimal". */
  threshold: number | null;
  thresholdName: string;
  /** The highest threshold with 100 % recall; null without an anomalous image. */
  fullRecall: number | null;
  /** Of the colour scale that all maps share, and of their values; null: there is no map. */
  limits: Range | null;
  ends: Range | null;
  /** Rows and columns of the test image's locations, and of the training images' (null: no neighbours of patches). */
  cells: Size;
  grid: Size | null;
  /** Neighbours of a patch; 0: none. */
  k: number;
  /** "retrieval": the r-th neighbour lies in the r-th retrieved image. */
  order: "distance" | "retrieval" | "";
  /** "patch", or the layer whose patches were searched; "": none. */
  searched: string;
  /** Neighbours of the whole image (DN2, SPADE's first stage); 0: none. */
  wholeK: number;
  layers: LayerFacts[];
  /** How the map follows from squared distances of patches: their root or not, then smoothed; null: it does not. */
  root: boolean | null;
  /** Whether every score is its map's maximum. */
  peak: boolean;
  /** How strange the good images are to the detector; null: it was not told. */
  good?: GoodFacts | null;
  /** Whether `limits` have their middle where one good pixel of a thousand is higher. */
  anchored?: boolean;
}

/** Numbers of good images that the detector had not learned from; null: there are none of the kind. */
export interface GoodFacts {
  images: number;
  score: GoodTable | null;
  /** Of all maps. */
  pixels: GoodTable | null;
  /** Squared distances to the nearest neighbour. */
  nearest: GoodTable | null;
}

/** Some of `count` numbers, rising, how many are as large, and how many are larger at most. */
export interface GoodTable {
  values: number[];
  atLeast: number[];
  beyond: number[];
  count: number;
}

export interface LayerFacts {
  name: string;
  /** With its stride: "layer2 (stride 8)". */
  label: string;
  cells: Size;
}

/** `found/CATEGORY/DETECTOR/IMAGE`. Absent fields: there is no such thing. */
export interface FoundPart {
  /** (cells, k) squared distances, in the order in which they were found; NaN: not segmented. */
  distance?: Float32Array;
  /** (cells, k) flat location in the training image. */
  location?: Uint16Array | Uint32Array;
  /** (cells, k) training image; (k) where all patches search the same images. */
  image?: Uint16Array | Uint32Array;
  /**
   * (cells) squared distance of each patch, of detectors without neighbours whose map follows from it, and in files
   * that hold fewer neighbours than were found.
   */
  cells?: Float32Array;
  /** (size) the map in 65536 steps over `range`, where it does not follow from distances. */
  map?: Uint16Array;
  range?: Float32Array;
  /** Top, left, bottom, right edge of the image in its padding. */
  box?: Uint16Array;
  /** One map for each of `layers`, at its own resolution. */
  [layer: `layer${number}`]: Float32Array;
  /** (wholeK) squared distances and training images of the whole image's neighbours. */
  wholeDistance?: Float32Array;
  wholeImage?: Uint16Array | Uint32Array;
}

/** `test/CATEGORY/IMAGE`, `train/CATEGORY/IMAGE`, `mean/CATEGORY`, `small/...`, `photo/...`. */
export interface PicturePart {
  image: ImageBitmap;
  /** (size) bits of the mask, as numpy.packbits; absent: unknown. */
  mask?: Uint8Array;
}

/** Every kind of part has other fields; the modules that read one say which. */
export type Part = any;

export interface Store {
  /** A part, or null, and it is asked for. Throws what went wrong where it was made. */
  get(key: string): Part | null;
  /** A part that is there, or null; nothing is asked for. */
  peek(key: string): Part | null;
  /** Asks for all that was missed since. */
  ask(): void;
  /** Stops the work that is being done for it. */
  stop(): void;
  /** Forgets that work was stopped, so that it is asked for again. */
  retry(): void;
  readonly busy: boolean;
  /** Whether something was asked for long ago and never came. */
  readonly silent: boolean;
  /** Whether it is cut off from its kernel, which was restarted or shut down. */
  readonly cut: boolean;
  readonly bytes: number;
  close(): void;
}

/** The part of anywidget's model that explorers use. */
export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, call: (...values: any[]) => void): void;
  off(event: string, call: (...values: any[]) => void): void;
  send(content: unknown): void;
}

/** What became of an image at a threshold. */
export type Kind =
  | "true positive" | "true negative" | "false positive" | "false negative"
  | "unlabelled, predicted anomalous" | "unlabelled, predicted good";

export interface Decision {
  kinds: Kind[];
  truePositives: number;
  trueNegatives: number;
  falsePositives: number;
  falseNegatives: number;
  unlabelledPositives: number;
  unlabelledNegatives: number;
  /** NaN where undefined. */
  precision: number;
  recall: number;
  f1: number;
  falsePositiveRate: number;
  accuracy: number;
}

/** What a state of an explorer of test images means, read by `state.js` before every drawing. */
export interface Now {
  facts: Facts;
  /** Constants of this explorer, such as units of layers' maps. */
  options: Record<string, any>;
  category: string;
  one: CategoryFacts;
  detector: string;
  /** null: still to be computed. */
  found: DetectorFacts | null;
  /** "category/detector": key of the dictionaries `thresholds` and `limits`. */
  key: string;
  /** Index of the test image. */
  image: number;
  threshold: number | null;
  /** Name -> thresholds worth knowing: "F1-optimal", "100% recall". */
  marks: Record<string, number>;
  decision: Decision | null;
  defect: string;
  /** Which errors are gone through: "all", "errors", "false positives", "false negatives". */
  only: string;
  order: string;
  /** The images that the filters keep, in their order. */
  list: number[];
  /** Whether each image has the chosen defect, and is in the exported page. */
  within: boolean[];
  /** Of the explorer, CSS pixels. */
  width: number;
  store: Store;
  /** A trait of the model. */
  get(name: string): any;
}

/** The parts of the displayed image, and what follows from them. */
export interface Shown {
  image: ImageBitmap;
  /** (size) 0 or 1; null: unknown. */
  mask: Uint8Array | null;
  part: FoundPart;
  /** (size), NaN in padding; null: no map. */
  map: Float32Array | null;
  /** Picked, or else the map's peak; null: there is none. */
  pixel: Pixel | null;
  /** The location that it lies in. */
  cell: Pixel | null;
}

export type Values = Record<string, any>;
/** Sets traits (also `threshold` and `limits` of the current detector), draws, tells the kernel. */
export type Change = (values: Values) => void;

export interface Component<Given> {
  node: HTMLElement;
  draw(given: Given): void;
}

/** A small picture: where it lies on its sheet. */
export interface Small {
  image: ImageBitmap;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PictureGiven {
  image: ImageBitmap;
  /** The same region from the original file's pixels, where there are more. */
  photo: ImageBitmap | null;
  /** (size), NaN in padding; null: no map. */
  map: Float32Array | null;
  /** (size) 0 or 1; null: unknown. */
  mask: Uint8Array | null;
  size: Size;
  cells: Size;
  limits: Range;
  ends: Range;
  opacity: number;
  fade: boolean;
  contour: boolean;
  /** "map": colours over the image; "outline": only a line round where the map is >= level. */
  style: string;
  level: number | null;
  /** Level of a dashed outline over the colours; null: none. */
  dashed?: number | null;
  /** What is painted in place of the map's colours, and what that means. */
  fill?: { canvas: OffscreenCanvas; words: string } | null;
  pixel: Pixel | null;
  /** Boxes that are framed, some with a short text beside them. */
  frames?: { box: Box, text: string }[];
  /** [] = all of it, else [row, column of the middle, magnification]. */
  zoom: number[];
  name: string;
  unit: string;
  /** What its values mean, and whether the middle of the colours is where one good pixel of a thousand is higher. */
  good?: GoodFacts | null;
  anchored?: boolean;
  width: number;
}

export interface Tile {
  title: string;
  /** Lines below. */
  lines: string[];
  kind: "image" | "truth" | "map" | "overlay" | "none";
  map: Float32Array | null;
  limits: Range;
  /** Level of the dashed outline; null: none. */
  level: number | null;
  chosen: boolean;
}

export interface TilesGiven {
  tiles: Tile[];
  image: ImageBitmap;
  mask: Uint8Array | null;
  size: Size;
  zoom: number[];
  pixel: Pixel | null;
  opacity: number;
  fade: boolean;
  contour: boolean;
  /** Of one tile, CSS pixels. */
  width: number;
}

export interface StripGiven {
  scores: number[];
  defects: string[];
  kinds: Kind[] | null;
  threshold: number | null;
  /** Name -> other thresholds worth knowing. */
  marks: Record<string, number>;
  image: number;
  names: string[];
  /** Whether each image is among those that are looked at. */
  within: boolean[];
  width: number;
  /** Whether there is little room: its rows are low. */
  dense?: boolean;
}

export interface GalleryGiven {
  title: string;
  list: number[];
  image: number;
  scores: number[] | null;
  kinds: Kind[] | null;
  names: string[];
  defects: string[];
  /** Third line of an image's text, such as its tag. */
  notes: Record<number, string>;
  small(image: number): Small | null;
  /** Said where the list is empty. */
  empty: string;
  width: number;
  /** "row": one line that is scrolled; "grid": several lines. */
  shape: "row" | "grid";
}

export interface ScatterGiven {
  x: number[];
  y: number[];
  labels: number[];
  /** Of the axes. */
  titles: [string, string];
  thresholds: [number | null, number | null];
  image: number;
  names: string[];
  /** Whether each image is among those that are looked at. */
  within: boolean[];
  width: number;
}

/** A neighbour of a patch. */
export interface Match {
  /** From 1, in the order in which it was found. */
  rank: number;
  distance: number;
  image: number;
  /** Row, column of its location in the training image. */
  cell: Pixel;
}

/** A control or key, what it does, and whether it is there (left out: always). */
export type HelpEntry = [string, string, ((now: any) => boolean)?];

/** What stands beside the large picture: alone in its explorer, or with others on a desk. */
export interface Panel {
  node: HTMLElement;
  /** Its controls, where a desk may put them into the head of its pane. */
  tools?: HTMLElement;
  /** Draws in so many CSS pixels. Frames wait for the displayed image; null: it is still to come. */
  draw(now: Now, shown: Shown, width: number): void;
  /** Changes what the large picture is given; null: the former picture stays until what it needs is there. */
  given?(now: Now, shown: Shown, given: PictureGiven): PictureGiven | null;
  /** Changes what a hand on the large picture sets. */
  set?(values: Values): Values;
  /** As those of `ImageParts`; null: the displayed image is still to come. */
  ahead?(now: Now, shown: Shown | null): void;
  words?(now: Now, shown: Shown | null): string;
  table?(now: Now, shown: Shown | null): { head: string[]; rows: (string | number)[][] };
}

/** What the module of an explorer of test images hands to `images.js`. */
export interface ImageParts {
  /** Everything below the status line. */
  node: HTMLElement;
  draw(now: Now): void;
  /** Where the chart of scores stands, if not below all else. */
  strip?: { place: HTMLElement; width(now: Now): number; dense?: boolean };
  /** Of the gallery, where `build` gave it a place. */
  gallery?: { shape: "row" | "grid"; width(now: Now): number };
  /** Answers a key that has no meaning for all. */
  press?(now: Now, key: string): boolean;
  /** Asks for what is likely wanted next. */
  ahead?(now: Now): void;
  /** Continues the status line. */
  words?(now: Now): string;
  /** What is shown as a table, for the menu's CSV. */
  table?(now: Now): { head: string[]; rows: (string | number)[][] };
}

export interface Frame {
  model: Model;
  store: Store;
  change: Change;
}

export interface ImageFrame extends Frame {
  /** The gallery, for explorers that place it themselves. */
  gallery: HTMLElement;
  /** Whether there is little room: what can be small is. */
  dense?: boolean;
}
