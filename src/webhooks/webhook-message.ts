import type { RecordedEvent } from '../record-feed/recorded-events.js';

/** What is sent of an event: the same however often it is sent. */
export interface WebhookMessage {
  /** The header `webhook-id`. */
  id: string;
  body: string;
}

/**
 * The message of an event. Its data is what `GET audit` shows of the event, but not the free text of an access call. The
 * instant is part of the ID: after a restore, the numbers of lost events are given again, to other events.
 */
export function messageOf(event: RecordedEvent): WebhookMessage {
  const known = messages.get(event);
  if (known) return known;
  const made = newMessage(event);
  messages.set(event, made);
  return made;
}

/** All endpoints of an organization get the same messages. */
const messages = new WeakMap<RecordedEvent, WebhookMessage>();

function newMessage({ at, event }: RecordedEvent): WebhookMessage {
  const { at: _, event: type, details, ...data } = event;
  const { text: __, ...known } = details ?? {};
  const shown = Object.keys(known).length > 0 ? { ...data, details: known } : data;
  return {
    id: `evt_${event.id}_${at.getTime()}`,
    body: JSON.stringify({ type, timestamp: at.toISOString(), data: shown }),
  };
}

/** A message that says nothing, for a test of the endpoint. */
export function testMessage(webhookId: string, id: string, now: Date): WebhookMessage {
  return {
    id: `evt_test_${id}`,
    body: JSON.stringify({ type: 'WEBHOOK_TEST', timestamp: now.toISOString(), data: { webhook: webhookId } }),
  };
}
