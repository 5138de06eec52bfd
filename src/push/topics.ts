// The MQTT topics: documented in docs/push.md, part of the API.

const ROOT = 'branchline/v1';

/** Where inspections without a line go; a line of this name is escaped. */
const NO_LINE = '-';

export const STATUS_TOPIC = `${ROOT}/status`;

export const inspectionsTopic = (lineId: string | null) => `${ROOT}/lines/${levelOf(lineId)}/inspections`;

export const stateTopic = (lineId: string | null) => `${ROOT}/lines/${levelOf(lineId)}/state`;

/**
 * A line's name as one level of a topic. "The Topic Name in the PUBLISH Packet MUST NOT contain wildcard characters"
 * (MQTT 3.1.1, 3.3.2.1), nor U+0000; a slash would make two levels; control characters some brokers refuse.
 * What is not safe is percent-encoded, as in a URL.
 */
function levelOf(lineId: string | null): string {
  if (lineId === null) return NO_LINE;
  if (lineId === NO_LINE) return '%2D';
  const wellFormed = lineId.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    '\ufffd',
  );
  return encodeURIComponent(wellFormed);
}
