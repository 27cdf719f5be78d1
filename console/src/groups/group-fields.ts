import type { Schemas } from '../api';
import type { Texts } from '../language';
import type { Field } from '../parts/dialog';
import type { GroupsText } from './groups-texts';

/** The fields of a group in a form. */
export function groupFields(t: Texts['t'], own: GroupsText, group?: Schemas['Group']): Field[] {
  return [
    { name: 'name', label: t('name'), value: group?.name },
    { name: 'description', label: t('description'), value: group?.description, type: 'multiline', maxLength: 2000 },
    { name: 'customReference', label: own('customReference'), value: group?.customReference, isOptional: true },
  ];
}

/** What the form says, as the API takes it. An empty reference removes the one before. */
export function groupValues({
  name = '',
  description = '',
  customReference = '',
}: Record<string, string>): Schemas['NewGroup'] {
  return { name, description, customReference };
}
