/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/internal.h"

/* Of what charon says, what a rotation needs.  Names that are not ours are passed over. */

/* What is for people: printable characters, as many as fit. */
static void copy_text(const struct skex_vici_reader *reader, char out[IKEV2_TEXT_MAX])
{
	size_t i, at = 0;

	for (i = 0; i < reader->value_size && at < IKEV2_TEXT_MAX - 1; i++) {
		if (reader->value[i] >= ' ' && reader->value[i] <= '~')
			out[at++] = (char)reader->value[i];
	}
	out[at] = '\0';
}

static bool value_is_one_of(
	const struct skex_vici_reader *reader, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (skex_vici_value_is(reader, words[i]))
			return true;
	}
	return false;
}

static void add_id(struct ikev2_ids *ids, const uint8_t *id)
{
	if (ikev2_found(ids, id))
		return;
	if (ids->count == IKEV2_FOUND_MAX) {
		ids->more = true;
		return;
	}
	memcpy(ids->id[ids->count++], id, SKEX_KEY_ID_BYTES);
}

static struct skex_view value_of(const struct skex_vici_reader *reader)
{
	return skex_view(reader->value, reader->value_size);
}

static bool is_connection(const struct skex_ikev2 *ikev2, struct skex_view name)
{
	const char *own = ikev2->config->connection;

	return skex_view_equal(name, skex_view(own, strlen(own)));
}

/* ---- replies -----------------------------------------------------------------------------------
 */

static void read_item(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;
	uint8_t id[SKEX_KEY_ID_BYTES];

	if (ikev2->job.request == IKEV2_GET_SHARED && skex_vici_name_is(reader, "keys")) {
		if (ikev2_secret_name_read(ikev2->config, value_of(reader), id))
			add_id(&ikev2->keys, id);
		return;
	}
	if (ikev2->job.request != IKEV2_GET_CONNS || !skex_vici_name_is(reader, "conns"))
		return;
	if (!ikev2->config->leads)
		ikev2->conn_there = ikev2->conn_there || is_connection(ikev2, value_of(reader));
	else if (ikev2_name_read(ikev2->config, value_of(reader), id))
		add_id(&ikev2->conns, id);
}

static void read_reply(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;

	if (reader->depth != 0)
		return;
	if (reader->element == SKEX_VICI_LIST_ITEM)
		read_item(ikev2);
	if (reader->element != SKEX_VICI_KEY_VALUE)
		return;
	if (skex_vici_name_is(reader, "success"))
		ikev2->success = skex_vici_value_is(reader, "yes");
	if (skex_vici_name_is(reader, "errmsg"))
		copy_text(reader, ikev2->error);
}

/* ---- list-sa -----------------------------------------------------------------------------------
 */

static uint32_t read_number(struct skex_view text)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return 0;
		number = number * 10 + (text.data[i] - '0');
		if (number > UINT32_MAX)
			return 0;
	}
	return (uint32_t)number;
}

static void read_sa_name(struct skex_ikev2 *ikev2)
{
	const struct skex_view name = skex_view(ikev2->reader.name, ikev2->reader.name_size);
	struct ikev2_sa *sa = &ikev2->sa;

	*sa = (struct ikev2_sa){0};
	sa->ours = ikev2->config->leads ? ikev2_name_read(ikev2->config, name, sa->id)
					: is_connection(ikev2, name);
}

static void read_sa_value(struct skex_ikev2 *ikev2)
{
	static const char *const up[] = {"ESTABLISHED", "REKEYING"};
	static const char *const coming[] = {"CREATED", "CONNECTING"};
	const struct skex_vici_reader *reader = &ikev2->reader;
	struct ikev2_sa *sa = &ikev2->sa;

	if (skex_vici_name_is(reader, "uniqueid"))
		sa->number = read_number(value_of(reader));
	if (skex_vici_name_is(reader, "ppk"))
		sa->ppk = skex_vici_value_is(reader, "yes");
	if (skex_vici_name_is(reader, "state")) {
		sa->up = value_is_one_of(reader, up, 2);
		sa->coming = value_is_one_of(reader, coming, 2);
	}
}

static void read_child_value(struct skex_ikev2 *ikev2)
{
	static const char *const up[] = {"INSTALLED", "UPDATING", "REKEYING"};
	const struct skex_vici_reader *reader = &ikev2->reader;
	uint32_t i;

	if (skex_vici_name_is(reader, "state"))
		ikev2->child_up = value_is_one_of(reader, up, 3);
	if (!skex_vici_name_is(reader, "name"))
		return;
	for (i = 0; i < IKEV2_CHILDREN_MAX; i++) {
		const struct skex_view child = ikev2_child(ikev2->config, i);

		if (child.size == 0)
			break;
		if (skex_view_equal(child, value_of(reader)))
			ikev2->child = 1u << i;
	}
}

static void read_sa(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;

	switch (reader->element) {
	case SKEX_VICI_SECTION_START:
		if (reader->depth == 1)
			read_sa_name(ikev2);
		if (reader->depth == 2)
			ikev2->in_child = skex_vici_name_is(reader, "child-sas");
		ikev2->child = 0;
		ikev2->child_up = false;
		break;
	case SKEX_VICI_SECTION_END:
		if (reader->depth == 2 && ikev2->in_child && ikev2->child_up)
			ikev2->sa.children |= ikev2->child;
		break;
	case SKEX_VICI_KEY_VALUE:
		if (reader->depth == 1)
			read_sa_value(ikev2);
		if (reader->depth == 3 && ikev2->in_child)
			read_child_value(ikev2);
		break;
	default:
		break;
	}
}

static void keep_sa(struct skex_ikev2 *ikev2)
{
	if (!ikev2->sa.ours || (!ikev2->sa.up && !ikev2->sa.coming))
		return;
	if (ikev2->sas_count == IKEV2_FOUND_MAX)
		ikev2->sas_more = true;
	else
		ikev2->sas[ikev2->sas_count++] = ikev2->sa;
}

/* ---- list-conn and control-log -----------------------------------------------------------------
 */

static void read_conn_value(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;
	char wanted[IKEV2_NAME_MAX];

	ikev2_ppk_id(ikev2->config, ikev2->config->leads ? ikev2->job.id : NULL, wanted);
	if (skex_vici_name_is(reader, "ppk_id"))
		ikev2->conn_id = skex_vici_value_is(reader, wanted);
	if (skex_vici_name_is(reader, "ppk_required"))
		ikev2->conn_required = skex_vici_value_is(reader, "yes");
}

/* Which turn is it there, maybe from before the start of this agent? */
static void read_priority(struct skex_ikev2 *ikev2)
{
	const uint32_t first = ikev2_priority(ikev2->config, ikev2_child(ikev2->config, 0));
	const uint32_t is = read_number(value_of(&ikev2->reader));

	if (skex_vici_name_is(&ikev2->reader, "priority") && is >= first &&
		is - first < IKEV2_TURNS)
		ikev2->prio_turn = is - first;
}

static void read_conn_section(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;
	const struct skex_view name = skex_view(reader->name, reader->name_size);
	char wanted[IKEV2_NAME_MAX];

	if (reader->depth == 1) {
		ikev2_name(ikev2->config, ikev2->job.id, wanted);
		ikev2->conn_there = skex_vici_name_is(reader, wanted);
		ikev2->conn_id = false;
		ikev2->conn_required = false;
	}
	if (reader->depth == 2)
		ikev2->in_child = skex_vici_name_is(reader, "children");
	if (reader->depth == 3)
		ikev2->child =
			ikev2->in_child && skex_view_equal(name, ikev2_child(ikev2->config, 0));
}

static void read_conn(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;

	if (reader->element == SKEX_VICI_SECTION_START)
		read_conn_section(ikev2);
	if (reader->element != SKEX_VICI_KEY_VALUE || !ikev2->conn_there)
		return;
	if (reader->depth == 1)
		read_conn_value(ikev2);
	if (reader->depth == 3 && ikev2->child != 0)
		read_priority(ikev2);
}

static void read_log(struct skex_ikev2 *ikev2)
{
	static const char *const groups[] = {"IKE", "CFG"};
	const struct skex_vici_reader *reader = &ikev2->reader;

	if (reader->depth != 0 || reader->element != SKEX_VICI_KEY_VALUE)
		return;
	if (skex_vici_name_is(reader, "group"))
		ikev2->line_counts = value_is_one_of(reader, groups, 2);
	if (skex_vici_name_is(reader, "msg"))
		copy_text(reader, ikev2->line);
}

/* ---- which of them -----------------------------------------------------------------------------
 */

enum subject {
	REPLY,
	SA,
	CONN,
	LOG,
	OTHER,
};

/* The name of the event is gone when its elements come. */
void ikev2_answer_begin(struct skex_ikev2 *ikev2)
{
	const struct skex_vici_reader *reader = &ikev2->reader;

	if (reader->type != SKEX_VICI_EVENT)
		ikev2->subject = REPLY;
	else if (skex_vici_name_is(reader, "list-sa"))
		ikev2->subject = SA;
	else if (skex_vici_name_is(reader, "list-conn"))
		ikev2->subject = CONN;
	else if (skex_vici_name_is(reader, "control-log"))
		ikev2->subject = LOG;
	else
		ikev2->subject = OTHER;
	ikev2->sa = (struct ikev2_sa){0};
	ikev2->line[0] = '\0';
	ikev2->line_counts = false;
	ikev2->in_child = false;
}

void ikev2_answer_element(struct skex_ikev2 *ikev2)
{
	switch (ikev2->subject) {
	case REPLY:
		read_reply(ikev2);
		break;
	case SA:
		read_sa(ikev2);
		break;
	case CONN:
		read_conn(ikev2);
		break;
	case LOG:
		read_log(ikev2);
		break;
	default:
		break;
	}
}

void ikev2_answer_event_done(struct skex_ikev2 *ikev2)
{
	if (ikev2->subject == SA && ikev2->job.request == IKEV2_LIST_SAS)
		keep_sa(ikev2);
	if (ikev2->subject == CONN && ikev2->conn_there)
		ikev2->conn_right = ikev2->conn_id && ikev2->conn_required;
	if (ikev2->subject == LOG && ikev2->line_counts && ikev2->line[0] != '\0')
		memcpy(ikev2->log, ikev2->line, sizeof(ikev2->log));
}
