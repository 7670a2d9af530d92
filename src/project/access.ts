import { assertMay } from '../auth/authorize.ts';
import { projectDeleted } from '../errors.ts';
import type { Project } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';

/** The project of the caller's key; any key may. */
export async function getProject(scope: Scope): Promise<Project> {
  const { projectId } = assertMay(scope.caller);
  const project = await scope.services.store.project.findUnique({ where: { id: projectId } });
  if (!project) throw projectDeleted();
  return project;
}
