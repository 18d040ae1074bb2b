CREATE TABLE "alerts" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"severity" text NOT NULL,
	"fingerprint" text NOT NULL,
	"federation" text,
	"training" text,
	"summary" text NOT NULL,
	"value" double precision,
	"threshold" double precision,
	"started_at_ms" bigint NOT NULL,
	"resolved_at_ms" bigint,
	"acknowledged_at_ms" bigint,
	"acknowledged_by" text
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"kind" text NOT NULL,
	"role" text NOT NULL,
	"scopes" jsonb NOT NULL,
	"federation" text,
	"user_name" text,
	"department" text,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint,
	"revoked_at_ms" bigint,
	"last_used_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "audit_checkpoints" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"signature" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_entries" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"at_ms" bigint NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"actor" text NOT NULL,
	"role" text,
	"address" text NOT NULL,
	"request_id" text NOT NULL,
	"outcome" text NOT NULL,
	"code" text,
	"before" jsonb,
	"after" jsonb,
	"previous_hash" text NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "consents" (
	"federation" text NOT NULL,
	"participant" text NOT NULL,
	"policy" text NOT NULL,
	"given_at_ms" bigint NOT NULL,
	"withdrawn_at_ms" bigint,
	CONSTRAINT "consents_federation_participant_policy_given_at_ms_pk" PRIMARY KEY("federation","participant","policy","given_at_ms")
);
--> statement-breakpoint
CREATE TABLE "erased_participants" (
	"hash" text PRIMARY KEY NOT NULL,
	"at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "erasures" (
	"id" text PRIMARY KEY NOT NULL,
	"pseudonym" text NOT NULL,
	"requested_at_ms" bigint NOT NULL,
	"completed_at_ms" bigint,
	"effect" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "federation_settings" (
	"federation" text PRIMARY KEY NOT NULL,
	"admission" text NOT NULL,
	"control" text NOT NULL,
	"owner" text,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "feed_cursors" (
	"feed" text PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"principal" text NOT NULL,
	"key" text NOT NULL,
	"request" text NOT NULL,
	"result" text,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "idempotency_keys_principal_key_pk" PRIMARY KEY("principal","key")
);
--> statement-breakpoint
CREATE TABLE "incidents" (
	"id" text PRIMARY KEY NOT NULL,
	"opened_at_ms" bigint NOT NULL,
	"closed_at_ms" bigint,
	"opened_by" text NOT NULL,
	"reason" text NOT NULL,
	"report" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invitations" (
	"id" text PRIMARY KEY NOT NULL,
	"federation" text NOT NULL,
	"label" text NOT NULL,
	"department" text,
	"max_uses" integer NOT NULL,
	"uses" integer DEFAULT 0 NOT NULL,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"revoked_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "members" (
	"federation" text NOT NULL,
	"participant" text NOT NULL,
	"via" text NOT NULL,
	"user_name" text,
	"department" text,
	"joined_at_ms" bigint NOT NULL,
	"last_seen_at_ms" bigint NOT NULL,
	CONSTRAINT "members_federation_participant_pk" PRIMARY KEY("federation","participant")
);
--> statement-breakpoint
CREATE TABLE "promotions" (
	"federation" text NOT NULL,
	"run" text NOT NULL,
	"version" bigint NOT NULL,
	"hash" text NOT NULL,
	"promoted_by" text NOT NULL,
	"at_ms" bigint NOT NULL,
	CONSTRAINT "promotions_federation_at_ms_run_version_pk" PRIMARY KEY("federation","at_ms","run","version")
);
--> statement-breakpoint
CREATE TABLE "pseudonym_keys" (
	"participant" text PRIMARY KEY NOT NULL,
	"key" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "silences" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text,
	"federation" text,
	"until_ms" bigint NOT NULL,
	"reason" text NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "switches" (
	"name" text PRIMARY KEY NOT NULL,
	"is_on" boolean NOT NULL,
	"reason" text NOT NULL,
	"set_by" text NOT NULL,
	"set_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "trainings" (
	"id" text PRIMARY KEY NOT NULL,
	"job_name" text NOT NULL,
	"federation" text NOT NULL,
	"run" text NOT NULL,
	"status" text NOT NULL,
	"config" jsonb NOT NULL,
	"clients" jsonb NOT NULL,
	"round" bigint DEFAULT 0 NOT NULL,
	"from_round" bigint DEFAULT 0 NOT NULL,
	"accuracy" double precision,
	"loss" double precision,
	"reason" text,
	"revision" integer DEFAULT 0 NOT NULL,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL,
	"started_at_ms" bigint,
	"ended_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "webhooks" (
	"id" text PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"kinds" jsonb NOT NULL,
	"secret" text NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_one_firing" ON "alerts" USING btree ("fingerprint") WHERE "alerts"."resolved_at_ms" is null;--> statement-breakpoint
CREATE INDEX "alerts_started" ON "alerts" USING btree ("started_at_ms","id");--> statement-breakpoint
CREATE INDEX "audit_entries_subject" ON "audit_entries" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "audit_entries_actor" ON "audit_entries" USING btree ("actor");--> statement-breakpoint
CREATE INDEX "audit_entries_at" ON "audit_entries" USING btree ("at_ms");--> statement-breakpoint
CREATE INDEX "consents_participant" ON "consents" USING btree ("participant");--> statement-breakpoint
CREATE INDEX "invitations_federation" ON "invitations" USING btree ("federation");--> statement-breakpoint
CREATE INDEX "members_participant" ON "members" USING btree ("participant");--> statement-breakpoint
CREATE INDEX "members_user" ON "members" USING btree ("user_name");--> statement-breakpoint
CREATE INDEX "trainings_run" ON "trainings" USING btree ("run");--> statement-breakpoint
CREATE INDEX "trainings_created" ON "trainings" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE UNIQUE INDEX "trainings_one_unfinished" ON "trainings" USING btree ("federation") WHERE "trainings"."status" not in ('STOPPED', 'SUCCEEDED', 'FAILED');