import type { EntityManager } from 'typeorm';
import { newId } from '../common/id.js';
import { Group } from '../schema/entities/group.entity.js';

type Known = Pick<Group, 'id' | 'name' | 'customReference'>;

/**
 * What a file may call the groups of an organization: their id, a custom reference or a name that only one has. Case
 * tells two apart; how letters are composed and which white space stands between words does not.
 */
export class GroupNames {
  private readonly byId = new Map<string, Known>();
  /** `null` where several groups have it. */
  private readonly byReference = new Map<string, string | null>();
  private readonly byName = new Map<string, string | null>();

  static async of(db: EntityManager, organizationId: string): Promise<GroupNames> {
    const names = new GroupNames();
    const groups = await db.find(Group, {
      where: { organizationId },
      select: { id: true, name: true, customReference: true },
    });
    for (const group of groups) names.add(group);
    return names;
  }

  /** The id of the one group that is called so; `null` if there is none, or more than one. */
  find(text: string): string | null {
    if (this.byId.has(text)) return text;
    const key = fold(text);
    const referred = this.byReference.get(key);
    return referred === undefined ? (this.byName.get(key) ?? null) : referred;
  }

  isAmbiguous(text: string): boolean {
    return this.find(text) === null && (this.byReference.has(fold(text)) || this.byName.has(fold(text)));
  }

  /** What leads back to a group: its reference, its name, or its id. `null` for one of another organization. */
  nameOf(id: string): string | null {
    const known = this.byId.get(id);
    if (!known) return null;
    return [known.customReference, known.name].find((text) => text !== null && this.find(text) === id) ?? id;
  }

  /** A group that is still to be made. */
  make(name: string): string {
    const id = newId();
    this.add({ id, name, customReference: null });
    return id;
  }

  private add(group: Known): void {
    const { id, name, customReference } = group;
    this.byId.set(id, group);
    addOnce(this.byName, name, id);
    if (customReference !== null) addOnce(this.byReference, customReference, id);
  }
}

function addOnce(ids: Map<string, string | null>, text: string, id: string): void {
  const key = fold(text);
  ids.set(key, ids.has(key) ? null : id);
}

/** Composed and decomposed letters are the same in files, and so is any white space: spreadsheets write either. */
function fold(text: string): string {
  return text.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
}
