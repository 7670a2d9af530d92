-- AlterTable
ALTER TABLE "session" ADD COLUMN "client_timestamp" TIMESTAMPTZ(3);

-- Sessions that a server of before 0002 created while 0002 was applied: it knew no lock, and had made no triggers yet.
INSERT INTO "session_text" SELECT (session_text_of(s)).* FROM "session" s ON CONFLICT DO NOTHING;
