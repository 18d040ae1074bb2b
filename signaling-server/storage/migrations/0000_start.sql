CREATE TABLE "federations" (
	"id" text PRIMARY KEY NOT NULL,
	"revision" integer NOT NULL,
	"document" jsonb NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger_events" (
	"dataset" text NOT NULL,
	"seq" bigint NOT NULL,
	"run" text NOT NULL,
	"round" bigint NOT NULL,
	"previous_hash" text NOT NULL,
	"hash" text NOT NULL,
	"entry" jsonb NOT NULL,
	CONSTRAINT "ledger_events_dataset_seq_pk" PRIMARY KEY("dataset","seq")
);
--> statement-breakpoint
CREATE TABLE "metrics" (
	"run" text NOT NULL,
	"round" bigint NOT NULL,
	"name" text NOT NULL,
	"value" double precision NOT NULL,
	CONSTRAINT "metrics_run_round_name_pk" PRIMARY KEY("run","round","name")
);
--> statement-breakpoint
CREATE TABLE "model_versions" (
	"run" text NOT NULL,
	"version" bigint NOT NULL,
	"hash" text NOT NULL,
	"layout_hash" text NOT NULL,
	"bytes" bigint NOT NULL,
	"blob" text NOT NULL,
	"saved_at_ms" bigint NOT NULL,
	CONSTRAINT "model_versions_run_version_pk" PRIMARY KEY("run","version")
);
--> statement-breakpoint
CREATE TABLE "participants" (
	"id" text PRIMARY KEY NOT NULL,
	"public_key" text NOT NULL,
	"first_seen_at_ms" bigint NOT NULL,
	"last_seen_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rounds" (
	"run" text NOT NULL,
	"round" bigint NOT NULL,
	"hash" text NOT NULL,
	"term" bigint NOT NULL,
	"attempt" bigint NOT NULL,
	"record" jsonb NOT NULL,
	"saved_at_ms" bigint NOT NULL,
	CONSTRAINT "rounds_run_round_hash_pk" PRIMARY KEY("run","round","hash")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" text PRIMARY KEY NOT NULL,
	"federation" text NOT NULL,
	"model_key" text NOT NULL,
	"status" text NOT NULL,
	"term" bigint DEFAULT 0 NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_federation_federations_id_fk" FOREIGN KEY ("federation") REFERENCES "public"."federations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ledger_events_run" ON "ledger_events" USING btree ("run","round");--> statement-breakpoint
CREATE UNIQUE INDEX "runs_one_open" ON "runs" USING btree ("federation","model_key") WHERE "runs"."status" = 'open';