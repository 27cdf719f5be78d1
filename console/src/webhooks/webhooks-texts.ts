import { pageTexts } from '../language';
import type { WebhooksMessages } from './messages/en';

export const useWebhooksTexts = pageTexts<WebhooksMessages>({
  en: async () => (await import('./messages/en')).en,
  nl: async () => (await import('./messages/nl')).nl,
  de: async () => (await import('./messages/de')).de,
  fr: async () => (await import('./messages/fr')).fr,
  es: async () => (await import('./messages/es')).es,
});

export type WebhooksText = ReturnType<typeof useWebhooksTexts>['t'];
