// Every error a caller can see: one table, code → HTTP status and title.

const TABLE = {
  BAD_REQUEST: [400, 'The request is not understood'],
  BAD_MULTIPART: [400, 'The multipart body is broken'],
  BAD_METADATA: [400, 'The metadata is not valid'],
  BAD_CURSOR: [400, 'The cursor is not one of ours'],
  NO_PARTS: [400, 'The capture carries no modality'],
  DUPLICATE_PART: [400, 'Two parts carry the same name'],
  UNKNOWN_MODALITY: [400, 'The model has no such modality'],
  UNKNOWN_RECIPE: [422, 'No such recipe'],
  UNKNOWN_MODEL: [404, 'No such model'],
  PART_EMPTY: [400, 'A part is empty'],
  PART_CORRUPT: [422, 'A part cannot be decoded'],
  PART_UNSUPPORTED: [415, 'A part has a format that is not supported'],
  PART_TOO_LARGE: [413, 'A part is too large'],
  PART_WRONG_KIND: [422, 'A part does not fit its modality'],
  BAD_RECIPE: [422, 'The recipe does not fit the loaded models'],
  TOO_FEW_PARTS: [422, 'Too few good parts to promise a false-call rate'],
  PRECONDITION_FAILED: [412, 'Somebody else changed it first'],
  CAPTURE_CONFLICT: [409, 'The capture is there already, with other content'],
  CAPTURE_FAILED: [422, 'The capture was set aside'],
  NO_BRANCH: [422, 'No branch serves these modalities'],
  NOT_FOUND: [404, 'Not found'],
  ACK_REFUSED: [409, 'The acknowledgement cannot be kept'],
  REVIEW_REFUSED: [422, 'The review does not fit the inspection'],
  HEADERS_TOO_LARGE: [431, 'The headers are over the limit'],
  REQUEST_TIMEOUT: [408, 'The request took too long'],
  BODY_TOO_LARGE: [413, 'The body is over the limit'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The content type is not supported'],
  NOT_ACCEPTABLE: [406, 'None of the accepted types can be made'],
  OVERLOADED: [503, 'Too much is waiting'],
  DEADLINE_UNREACHABLE: [503, 'The deadline cannot be met'],
  STORE_UNAVAILABLE: [503, 'The result store does not answer'],
  WORKER_LOST: [503, 'The inference worker was lost'],
  WORKER_STUCK: [503, 'The inference worker does not come back'],
  CLIENT_GONE: [499, 'The client hung up'],
  SHUTTING_DOWN: [503, 'The service is shutting down'],
  WEBHOOKS_OFF: [403, 'Webhooks are switched off'],
  WEBHOOK_TARGET_REFUSED: [422, 'The webhook may not go there'],
  WEBHOOK_ENDED: [409, 'The subscription has ended'],
  TOO_MANY_WEBHOOKS: [409, 'There are as many webhooks as there may be'],
  TOO_MANY_READERS: [503, 'Too many readers are connected'],
  INTERNAL: [500, 'Something broke inside'],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof TABLE;

export interface ErrorContext {
  /** One sentence that names the culprit and says what would be right. */
  readonly detail: string;
  /** The part or field at fault. */
  readonly part?: string;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An error with an answer: the only kind rooms throw on purpose. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly title: string;
  readonly part: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    context: ErrorContext,
  ) {
    super(context.detail, context.cause === undefined ? undefined : { cause: context.cause });
    const [status, title] = TABLE[code];
    this.status = status;
    this.title = title;
    this.part = context.part;
    this.retryAfterSeconds = context.retryAfterSeconds;
  }
}
