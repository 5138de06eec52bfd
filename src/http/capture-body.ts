// What POST /v1/inspections takes, for the OpenAPI document only: the body itself is parsed as it streams in.
import { z } from 'zod';
import { captureMetadata } from '../inspection.js';
import { jsonCapture } from './read-capture.js';

const binary = { type: 'string', format: 'binary' };
const jsonSchemaOf = (schema: z.ZodType) => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return rest;
};

export const captureBody = {
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        description: 'One file part a modality, named after it, and optionally the metadata.',
        properties: { metadata: jsonSchemaOf(captureMetadata) },
        additionalProperties: binary,
      },
    },
    'application/json': { schema: jsonSchemaOf(jsonCapture) },
    'image/*': { schema: binary },
    'audio/wav': { schema: binary },
    'application/octet-stream': { schema: { ...binary, description: 'NPY' } },
  },
};
