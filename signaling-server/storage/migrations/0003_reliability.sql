CREATE TABLE "reliability" (
	"federation" text NOT NULL,
	"participant" text NOT NULL,
	"invitations" bigint NOT NULL,
	"trained" bigint NOT NULL,
	"uploaded" bigint NOT NULL,
	"survived" bigint NOT NULL,
	"missed_deadlines" bigint NOT NULL,
	"drop_outs" bigint NOT NULL,
	"rejections" bigint NOT NULL,
	"refusals" jsonb NOT NULL,
	"train_ms_sum" double precision NOT NULL,
	"successes" double precision NOT NULL,
	"failures" double precision NOT NULL,
	"suspicion" double precision DEFAULT 0.5 NOT NULL,
	"contribution" double precision DEFAULT 0 NOT NULL,
	"scored_rounds" integer DEFAULT 0 NOT NULL,
	"last_attempt" text NOT NULL,
	"last_score" text DEFAULT '' NOT NULL,
	"updated_at_ms" bigint NOT NULL,
	CONSTRAINT "reliability_federation_participant_pk" PRIMARY KEY("federation","participant")
);
--> statement-breakpoint
CREATE TABLE "standings" (
	"federation" text NOT NULL,
	"participant" text NOT NULL,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"since_ms" bigint NOT NULL,
	"until_ms" bigint,
	"times" integer NOT NULL,
	CONSTRAINT "standings_federation_participant_pk" PRIMARY KEY("federation","participant")
);
--> statement-breakpoint
CREATE INDEX "standings_participant" ON "standings" USING btree ("participant");