// Pictures are kept after the answer has left: waits for them.
import { setTimeout as delay } from 'node:timers/promises';

/** Of a service that keeps originals. Throws where they do not come within seconds. */
export async function untilFileKept(url: string, inspectionId: string, modality: string): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (Date.now() < giveUpAt) {
    const response = await fetch(`${url}/v1/inspections/${inspectionId}/captures/${modality}`);
    await response.arrayBuffer();
    if (response.status === 200) return;
    await delay(20);
  }
  throw new Error(`the file of "${modality}" of ${inspectionId} was not kept`);
}
