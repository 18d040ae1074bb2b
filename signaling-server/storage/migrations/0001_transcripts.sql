CREATE TABLE "server_identity" (
	"id" smallint PRIMARY KEY NOT NULL,
	"private_key" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "server_identity_one_row" CHECK ("server_identity"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "transcripts" (
	"run" text NOT NULL,
	"round" bigint NOT NULL,
	"bytes" bigint NOT NULL,
	"blob" text NOT NULL,
	"saved_at_ms" bigint NOT NULL,
	CONSTRAINT "transcripts_run_round_pk" PRIMARY KEY("run","round")
);
