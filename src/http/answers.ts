// What the routes of captures answer, in their schemas: JSON, or one line of text for who asks for that.
import { captureView } from '../captures/view.js';
import { inspectionSchema } from '../inspection.js';
import { asText } from './plain-text.js';

export const inspectionAnswer = {
  content: {
    'application/json': { schema: inspectionSchema },
    ...asText('the verdict and, where there is one, the score, such as "NG 0.83"'),
  },
};

export const captureAnswer = {
  content: {
    'application/json': { schema: captureView },
    ...asText('the state; of GET, once it is judged, what its inspection says'),
  },
};
