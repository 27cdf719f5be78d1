import { Combobox } from '@base-ui/react/combobox';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useId, useLayoutEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import options from './options.module.css';
import style from './person-picker.module.css';

type User = Schemas['User'];

interface PersonPickerProps {
  onPick: (reference: string) => void;
  /** What the field asks for, if not simply for a person. */
  label?: string;
  /** The reference that the field has at first. */
  initial?: string;
  isOptional?: boolean;
  /** What stands in a field in which somebody is typing, whose place this one takes. */
  typed?: { text: string; hasFocus: boolean };
}

/** Finds a person by name, or takes any other reference as it is typed. */
export default function PersonPicker({
  onPick,
  label: given,
  initial,
  isOptional = false,
  typed,
}: PersonPickerProps): ReactNode {
  const { t } = useTexts();
  const label = given ?? t('personOrReference');
  const id = useId();
  const container = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const hasFocus = typed?.hasFocus === true;
  useLayoutEffect(() => {
    const { current } = field;
    if (!hasFocus || !current) return;
    current.focus();
    current.setSelectionRange(current.value.length, current.value.length);
  }, [hasFocus]);
  const searched = hasFocus && typed.text !== initial ? typed.text : '';
  const [query, setQuery] = useState(searched);
  const [isOpen, setIsOpen] = useState(searched !== '');
  const { data = [] } = useQuery({
    queryKey: ['people', 'pick', query],
    queryFn: async () => {
      const params = { path: { id: 'self' }, query: { query, resultSize: 10 } };
      return (await dataOf(api.GET('/api/2.1.1/organizations/{id}/accounts', { params }))).accounts;
    },
    enabled: query.trim() !== '',
    placeholderData: keepPreviousData,
  });
  return (
    <Combobox.Root<User>
      items={data}
      defaultInputValue={typed?.text ?? initial}
      filter={null}
      // An open list hides the rest of the dialog from screen readers, so an empty one is not open.
      open={isOpen && data.length > 0}
      onOpenChange={setIsOpen}
      itemToStringLabel={({ name }) => name}
      isItemEqualToValue={(one, other) => one.id === other.id}
      onInputValueChange={(text, { reason }) => {
        if (reason !== 'input-change') return;
        setQuery(text);
        onPick(text.trim());
      }}
      onValueChange={(user) => user && onPick(user.id)}
    >
      <label htmlFor={id} className={style.label}>
        {label}
      </label>
      {/* While the list is open, screen readers see the field alone, without its label. */}
      <Combobox.Input id={id} aria-label={label} required={!isOptional} autoComplete="off" ref={field} />
      <div ref={container} />
      <Combobox.Portal container={container}>
        <Combobox.Positioner className={style.positioner} positionMethod="fixed" sideOffset={4}>
          <Combobox.Popup className={style.popup}>
            <Combobox.List>
              {(user: User) => (
                <Combobox.Item key={user.id} value={user} className={options.item}>
                  {user.name} <small>{user.emailAddress}</small>
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}
