import type { EntityManager } from 'typeorm';
import { newId } from '../common/id.js';
import { Group } from '../groups/group.entity.js';

type Known = Pick<Group, 'id' | 'name' | 'customReference'>;

/** What a file may call the groups of an organization: their id, a custom reference or a name that only one has. */
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
    const referred = this.byReference.get(text);
    return referred === undefined ? (this.byName.get(text) ?? null) : referred;
  }

  isAmbiguous(text: string): boolean {
    return this.find(text) === null && (this.byReference.has(text) || this.byName.has(text));
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
    this.byName.set(name, this.byName.has(name) ? null : id);
    if (customReference !== null)
      this.byReference.set(customReference, this.byReference.has(customReference) ? null : id);
  }
}
