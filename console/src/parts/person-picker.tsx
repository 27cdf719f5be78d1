import { Combobox } from '@base-ui/react/combobox';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import style from './person-picker.module.css';

type User = Schemas['User'];

interface PersonPickerProps {
  onPick: (reference: string) => void;
  /** What the field asks for, if not simply for a person. */
  label?: string;
  /** The reference that the field has at first. */
  initial?: string;
  isOptional?: boolean;
}

/** Finds a person by name, or takes any other reference as it is typed. */
export default function PersonPicker({
  onPick,
  label: given,
  initial,
  isOptional = false,
}: PersonPickerProps): ReactNode {
  const { t } = useTexts();
  const label = given ?? t('personOrReference');
  const id = useId();
  const container = useRef<HTMLDivElement>(null);
  const [query, setQuery] = useState('');
  const [isOpen, setIsOpen] = useState(false);
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
      defaultInputValue={initial}
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
      <Combobox.Input id={id} aria-label={label} required={!isOptional} autoComplete="off" />
      <div ref={container} />
      <Combobox.Portal container={container}>
        <Combobox.Positioner className={style.positioner} positionMethod="fixed" sideOffset={4}>
          <Combobox.Popup className={style.popup}>
            <Combobox.List>
              {(user: User) => (
                <Combobox.Item key={user.id} value={user} className={style.item}>
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
