import type { Schemas } from '../api';
import type { Texts } from '../language';
import type { Field } from '../parts/dialog';
import type { WebhooksText } from './webhooks-texts';

export type Webhook = Schemas['Webhook'];
type EventName = Webhook['events'][number];

/** The fields of a webhook in a form. */
export function webhookFields(t: Texts['t'], own: WebhooksText, webhook?: Webhook): Field[] {
  return [
    { name: 'url', label: own('url'), value: webhook?.url, hint: own('urlHint'), maxLength: 2000 },
    { name: 'description', label: t('description'), value: webhook?.description, isOptional: true },
    {
      name: 'events',
      label: own('events'),
      value: webhook?.events.join('\n'),
      hint: own('eventsHint'),
      type: 'multiline',
      isOptional: true,
      maxLength: 20_000,
    },
  ];
}

/** What the API takes for these fields. It refuses names that are no events. */
export function webhookValues({ url = '', description = '', events = '' }: Record<string, string>): {
  url: string;
  description: string;
  events: EventName[];
} {
  return { url: url.trim(), description, events: events.split(/\s+/).filter((name) => name !== '') as EventName[] };
}

/** Whether it sends, in words. */
export function stateOf({ disabledReason, failures }: Webhook, own: WebhooksText): string {
  return own(`state_${disabledReason ?? (failures > 0 ? 'RETRYING' : 'ENABLED')}`);
}
