import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthorizationServerModule } from '../authorization-server/authorization-server.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { User } from '../schema/entities/user.entity.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ConsoleController } from './console.controller.js';
import { ConsoleSignInController } from './sign-in.controller.js';
import { ConsoleSignInService } from './sign-in.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User]), AuthorizationServerModule, ClientsModule, SignInsModule, TokensModule],
  controllers: [ConsoleSignInController, ConsoleController],
  providers: [ConsoleSignInService],
})
export class ConsoleModule {}
