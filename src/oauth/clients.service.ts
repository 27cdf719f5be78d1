import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { ClientOrigin } from './client-origin.entity.js';
import { Client } from './client.entity.js';

@Injectable()
export class ClientsService {
  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    @InjectRepository(ClientOrigin) private readonly origins: Repository<ClientOrigin>,
  ) {}

  find(id: string): Promise<Client | null> {
    return this.clients.findOneBy({ id });
  }

  /** The client of an organization that was registered first, if it has one. */
  findFirstOf(organizationId: string): Promise<Client | null> {
    return this.clients.findOne({ where: { organizationId }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /** The origins to which the client may send the users that it lets in. */
  async originsOf(clientId: string): Promise<string[]> {
    return (await this.origins.findBy({ clientId })).map(({ origin }) => origin);
  }
}
