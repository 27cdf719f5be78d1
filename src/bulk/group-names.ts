import type { EntityManager } from 'typeorm';
import { newId } from '../common/id.js';
import { Group } from '../schema/entities/group.entity.js';

type Known = Pick<Group, 'id' | 'name' | 'customReference'>;

/**
 * Finds the groups of an organization by what a file calls them: an ID, a custom reference or a unique name. Case
 * matters; the composition of letters and the kind of white space do not.
 */
export class GroupNames {
  private readonly byId = new Map<string, Known>();
  /** A name has `null` if several groups share it. */
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

  /** The ID of the only group with this name, or `null` if there is none or more than one. */
  find(text: string): string | null {
    if (this.byId.has(text)) return text;
    const key = fold(text);
    const referred = this.byReference.get(key);
    return referred === undefined ? (this.byName.get(key) ?? null) : referred;
  }

  isAmbiguous(text: string): boolean {
    return this.find(text) === null && (this.byReference.has(fold(text)) || this.byName.has(fold(text)));
  }

  /** A text that identifies the group: its reference, its name or its ID. `null` for another organization's group. */
  nameOf(id: string): string | null {
    const known = this.byId.get(id);
    if (!known) return null;
    return [known.customReference, known.name].find((text) => text !== null && this.find(text) === id) ?? id;
  }

  /** Plans a new group with this name and returns its ID. */
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

/**
 * Spreadsheets write letters composed or decomposed, and various kinds of white space. All of them compare as equal.
 */
function fold(text: string): string {
  return text.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
}
