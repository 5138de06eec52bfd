// What a decoded part is: one sample of one modality, as its encoder takes it.

/** One sample without the batch axis. `shape`: image [H,W,C], range [H,W,1], audio [T]. */
export type ModalityTensor =
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array };

/** Why a part was not used. The first group: bytes that cannot be decoded; the second: a signal that says nothing. */
export type DropReason =
  | 'empty'
  | 'unsupported_format'
  | 'corrupt'
  | 'too_large'
  | 'wrong_bit_depth'
  | 'wrong_channels'
  | 'wrong_sample_rate'
  | 'too_short'
  | 'blank'
  | 'saturated'
  | 'no_valid_pixels'
  | 'wrong_aspect'
  | 'silent'
  | 'clipped';

export interface DroppedPart {
  readonly name: string;
  readonly reason: DropReason;
  /** One sentence for the technician. */
  readonly detail: string;
}
