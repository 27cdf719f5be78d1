import type { Schemas } from '../api';
import type { Texts } from '../language';
import type { Field } from '../parts/dialog';

/** The fields of an account in a form. */
export function personFields(t: Texts['t'], user?: Schemas['User']): Field[] {
  return [
    { name: 'name', label: t('name'), value: user?.name },
    {
      name: 'emailAddress',
      label: t('emailAddress'),
      value: user?.emailAddress,
      type: 'email',
      // An account can have IDs of third parties in its place.
      isOptional: user !== undefined && user.emailAddress === undefined,
      maxLength: 254,
    },
    { name: 'locale', label: t('languageOfPerson'), value: user?.locale, isOptional: true, maxLength: 35 },
    { name: 'timeZone', label: t('timeZone'), value: user?.timeZone, isOptional: true, maxLength: 64 },
    {
      name: 'description',
      label: t('description'),
      value: user?.description,
      isOptional: true,
      type: 'multiline',
      maxLength: 2000,
    },
  ];
}
