-- AlterTable
ALTER TABLE "session" ADD COLUMN "client_timestamp" TIMESTAMPTZ(3);
