/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/local.h"
#include "cli/text.h"
#include "platform/confine.h"

#define DAYS_FAIL   7.0
#define DAYS_WARN   30.0
#define LEFT_WARN   10u /* of a hundred, when nothing is known of days */
#define YEAR_2025_S 1735689600

/* ---- the machine ---- */

static void check_clock(struct skex_doctor *doctor)
{
	struct timex state = {.modes = 0};
	char now[SKEX_TEXT_MAX];
	time_t seconds = time(NULL);

	skex_text_time(now, (uint64_t)seconds * 1000);
	if (seconds < YEAR_2025_S)
		skex_doctor_find(doctor, "clock", SKEX_WARN, "set it, best by NTP",
			"the clock says %s; keys do not need it, their dates and logs do", now);
	else if (adjtimex(&state) < 0 || (state.status & STA_UNSYNC) != 0)
		skex_doctor_find(doctor, "clock", SKEX_WARN, "run an NTP client",
			"%s, but nothing keeps the clock right; keys do not need it", now);
	else
		skex_doctor_find(doctor, "clock", SKEX_PASS, NULL, "%s", now);
}

static void check_randomness(struct skex_doctor *doctor)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) == (ssize_t)sizeof(bytes))
		skex_doctor_find(
			doctor, "entropy", SKEX_PASS, NULL, "the kernel's generator is seeded");
	else
		skex_doctor_find(doctor, "entropy", SKEX_FAIL,
			"wait for it, or give the machine a source (virtio-rng, a hardware one)",
			"the kernel's generator gives nothing: %s", strerror(errno));
}

static void check_socket(struct skex_doctor *doctor, const char *path)
{
	struct stat status;

	path = skex_local_socket(path);
	if (stat(path, &status) != 0)
		skex_doctor_find(doctor, "socket", SKEX_FAIL,
			"start skexd, or give the path of its socket (--socket, SKEX_SOCKET)",
			"%s: %s", path, strerror(errno));
	else if (!S_ISSOCK(status.st_mode))
		skex_doctor_find(doctor, "socket", SKEX_FAIL,
			"give the path of skexd's socket (--socket, SKEX_SOCKET)",
			"%s is no socket", path);
	else if ((status.st_mode & S_IWOTH) != 0)
		skex_doctor_find(doctor, "socket", SKEX_WARN,
			"set socket_mode to 0660 and let the applications' users be in its group",
			"every user of this machine may take keys from %s (mode %04o)", path,
			(unsigned)status.st_mode & 07777u);
	else
		skex_doctor_find(doctor, "socket", SKEX_PASS, NULL,
			"%s, mode %04o, user %u, group %u", path, (unsigned)status.st_mode & 07777u,
			(unsigned)status.st_uid, (unsigned)status.st_gid);
}

/* The same kernel as the daemons'. */
static void check_confinement(struct skex_doctor *doctor)
{
	struct skex_confined confined;
	char missing[SKEX_CONFINED_TEXT];

	skex_confine_support(&confined);
	confined.exempt = NULL; /* how skex is built says nothing about skexd */
	skex_confined_missing(&confined, missing);
	if (missing[0] != '\0')
		skex_doctor_find(doctor, "confine", SKEX_WARN,
			"run a kernel with both, or let systemd confine skexd (docs/systemd.md)",
			"%s: who takes over one process of skexd gets further than he should",
			missing);
	else
		skex_doctor_find(doctor, "confine", SKEX_PASS, NULL,
			"the kernel confines files (Landlock %d) and system calls (seccomp)",
			confined.landlock);
}

void skex_doctor_machine(struct skex_doctor *doctor, const char *socket)
{
	check_clock(doctor);
	check_randomness(doctor);
	check_confinement(doctor);
	check_socket(doctor, socket);
}

/* ---- the daemon ---- */

static void check_version(struct skex_doctor *doctor, const json_t *status)
{
	const char *version = skex_json_text(status, "version");
	char up[SKEX_TEXT_MAX];

	skex_text_duration(up, skex_json_number(status, "uptime_ms"));
	if (strcmp(version, SKEX_VERSION) == 0)
		skex_doctor_find(doctor, "daemon", SKEX_PASS, NULL, "agent %s, skexd %s, up %s",
			skex_json_text(status, "name"), version, up);
	else
		skex_doctor_find(doctor, "daemon", SKEX_WARN, "restart skexd after an upgrade",
			"skexd is %s, skex is %s", version, SKEX_VERSION);
}

static void check_memory(struct skex_doctor *doctor, const json_t *status)
{
	uint64_t bytes = skex_json_number(status, "unlocked_bytes");

	if (bytes == 0)
		skex_doctor_find(
			doctor, "memory", SKEX_PASS, NULL, "all secrets are locked in memory");
	else
		skex_doctor_find(doctor, "memory", SKEX_WARN,
			"raise the limit of locked memory (LimitMEMLOCK, ulimit -l) and restart",
			"%" PRIu64 " bytes of secrets may be written to swap", bytes);
}

static void check_hub(struct skex_doctor *doctor, const json_t *leg)
{
	const char *hub = skex_json_text(leg, "hub");
	const char *state = skex_json_text(leg, "state");
	const char *why = skex_json_text(leg, "last_error");

	if (strcmp(state, "stopped") == 0)
		skex_doctor_find(doctor, "hub", SKEX_FAIL,
			"find out which end was restored from a backup, then: skex leg resume HUB",
			"%s: stopped, one end came back with an older state", hub);
	else if (strcmp(state, "unusable") == 0)
		skex_doctor_find(doctor, "hub", SKEX_FAIL,
			"look at the disk; if that stays, have this agent evicted there, enrol it "
			"anew and join with --replace",
			"%s: %s", hub, why);
	else if (strcmp(state, "paused") == 0)
		skex_doctor_find(doctor, "hub", SKEX_FAIL,
			"ask the hub's operator; the leg needs a new kit",
			"%s: paused after too many messages that were not authentic", hub);
	else if (skex_json_true(leg, "connected"))
		skex_doctor_find(doctor, "hub", SKEX_PASS, NULL, "%s: connected", hub);
	else
		skex_doctor_find(doctor, "hub", SKEX_WARN,
			"check that the hub runs and that its address can be reached from here",
			"%s: not connected%s%s", hub, why[0] != '\0' ? ": " : "", why);
}

static uint64_t percent(uint64_t left, uint64_t size)
{
	return size == 0 ? 0 : (uint64_t)((double)left * 100 / (double)size);
}

static void check_pad(struct skex_doctor *doctor, const json_t *leg)
{
	const char *hub = skex_json_text(leg, "hub");
	const char *act = "have the hub's operator make a refill: skex hub refill NAME";
	const json_t *days_left = json_object_get(leg, "days_left");
	double days = json_is_real(days_left) ? json_real_value(days_left) : -1;
	uint64_t send = percent(
		skex_json_number(leg, "send_left_bytes"), skex_json_number(leg, "send_size_bytes"));
	uint64_t receive = percent(skex_json_number(leg, "receive_left_bytes"),
		skex_json_number(leg, "receive_size_bytes"));
	uint64_t least = send < receive ? send : receive;
	char keys[SKEX_TEXT_MAX];

	if (json_is_null(json_object_get(leg, "keys_left"))) {
		skex_doctor_find(doctor, "pad", SKEX_PASS, NULL, "%s: computed, does not end", hub);
		return;
	}
	skex_text_count(keys, skex_json_number(leg, "keys_left"), "key");
	if (skex_json_number(leg, "keys_left") == 0)
		skex_doctor_find(doctor, "pad", SKEX_FAIL, act, "%s: used up", hub);
	else if (days >= 0 && days < DAYS_FAIL)
		skex_doctor_find(doctor, "pad", SKEX_FAIL, act,
			"%s: good for %s, at the present rate %.1f days", hub, keys, days);
	else if (days >= 0 && days < DAYS_WARN)
		skex_doctor_find(doctor, "pad", SKEX_WARN, act,
			"%s: good for %s, at the present rate %.0f days", hub, keys, days);
	else if (days < 0 && least < LEFT_WARN)
		skex_doctor_find(doctor, "pad", SKEX_WARN, act,
			"%s: good for %s, %" PRIu64 " %% is left", hub, keys, least);
	else
		skex_doctor_find(doctor, "pad", SKEX_PASS, NULL, "%s: good for %s", hub, keys);
}

static void check_quorum(struct skex_doctor *doctor, const json_t *peer)
{
	const char *name = skex_json_text(peer, "name");
	uint64_t up = skex_json_number(peer, "legs_up");
	uint64_t n = skex_json_number(peer, "n");
	uint64_t k = skex_json_number(peer, "k");

	if (n == 0 && skex_json_text(peer, "profile")[0] == '\0')
		skex_doctor_find(doctor, "peer", SKEX_PASS, NULL,
			"%s: without hubs; its keys are carried by hand, see below", name);
	else if (n == 0)
		skex_doctor_find(doctor, "peer", SKEX_FAIL,
			"join the kits of all hubs of its profile: skex join KIT",
			"%s: no profile of it can be used", name);
	else if (up < k)
		skex_doctor_find(doctor, "peer", SKEX_FAIL, "bring hubs back, see above",
			"%s: %" PRIu64 " of %" PRIu64 " hubs are up, %" PRIu64
			" are needed: no new keys",
			name, up, n, k);
	else if (up == k && n > k)
		skex_doctor_find(doctor, "peer", SKEX_WARN, "bring hubs back, see above",
			"%s: %" PRIu64 " of %" PRIu64 " hubs are up, none more may fail", name, up,
			n);
	else
		skex_doctor_find(doctor, "peer", SKEX_PASS, NULL,
			"%s: %" PRIu64 " of %" PRIu64 " hubs are up, %" PRIu64 " are needed", name,
			up, n, k);
}

static void check_pool(struct skex_doctor *doctor, const json_t *pool)
{
	const char *why = skex_json_text(pool, "last_error");

	if (why[0] != '\0' && skex_json_number(pool, "keys_256") == 0)
		skex_doctor_find(doctor, "pool", SKEX_WARN, "see the checks above and skex events",
			"%s, %s: no key is ready: %s", skex_json_text(pool, "peer"),
			skex_json_text(pool, "purpose"), why);
}

static void check_keyfill(struct skex_doctor *doctor, const json_t *fill)
{
	const char *peer = skex_json_text(fill, "peer");
	const char *act = "carry more: skex keyfill make PEER, then skex keyfill take at both ends";
	const json_t *days_left = json_object_get(fill, "days_left");
	double days = json_is_real(days_left) ? json_real_value(days_left) : -1;
	uint64_t left = skex_json_number(fill, "get_left");
	char keys[SKEX_TEXT_MAX];

	skex_text_count(keys, left, "key");
	if (left == 0)
		skex_doctor_find(doctor, "keyfill", SKEX_WARN, act,
			"%s: what was carried is used up at this end", peer);
	else if (days >= 0 && days < DAYS_WARN)
		skex_doctor_find(doctor, "keyfill", days < DAYS_FAIL ? SKEX_FAIL : SKEX_WARN, act,
			"%s: good for %s, at the present rate %.1f days", peer, keys, days);
	else if (percent(left, skex_json_number(fill, "keys_256")) < LEFT_WARN)
		skex_doctor_find(doctor, "keyfill", SKEX_WARN, act, "%s: good for %s", peer, keys);
	else if (skex_json_true(fill, "kept"))
		skex_doctor_find(doctor, "keyfill", SKEX_WARN,
			"destroy the file, wherever it lies, if it is not needed any more",
			"%s: good for %s, but its file was kept: not forward secret", peer, keys);
	else
		skex_doctor_find(doctor, "keyfill", SKEX_PASS, NULL, "%s: good for %s", peer, keys);
}

static void check_kme(struct skex_doctor *doctor, const json_t *kme)
{
	const char *name = skex_json_text(kme, "kme");
	const char *url = skex_json_text(kme, "url");
	const char *state = skex_json_text(kme, "state");
	char keys[SKEX_TEXT_MAX];

	skex_text_count(keys, skex_json_number(kme, "keys"), "key");
	if (strcmp(state, "unserved") == 0)
		skex_doctor_find(doctor, "kme", SKEX_FAIL, "see the log of skexd",
			"%s: the process that speaks to KMEs does not run", name);
	else if (strcmp(state, "failing") == 0)
		skex_doctor_find(doctor, "kme", SKEX_FAIL,
			"see qkd014 in skexd.conf, the KME itself, and skex status at the peer",
			"%s: no keys from it: %s", name, skex_json_text(kme, "problem"));
	else if (skex_json_number(kme, "dropped") > 0)
		skex_doctor_find(doctor, "kme", SKEX_WARN,
			"see skex events --recent, here and at the peer",
			"%s at %s: it gave %s, and %" PRIu64 " of them came to nothing", name, url,
			keys, skex_json_number(kme, "dropped"));
	else
		skex_doctor_find(
			doctor, "kme", SKEX_PASS, NULL, "%s at %s: it gave %s", name, url, keys);
}

static void check_binding(struct skex_doctor *doctor, const json_t *binding)
{
	const char *name = skex_json_text(binding, "binding");
	const char *peer = skex_json_text(binding, "peer");
	const char *problem = skex_json_text(binding, "problem");
	char age[SKEX_TEXT_MAX];

	skex_text_duration(age, skex_json_number(binding, "age_ms"));
	if (strcmp(skex_json_text(binding, "state"), "unserved") == 0)
		skex_doctor_find(doctor, "binding", SKEX_FAIL, "see the log of skexd",
			"%s with %s: the process that runs the bindings does not run, or has not "
			"begun with it yet",
			name, peer);
	else if (strcmp(skex_json_text(binding, "state"), "refused") == 0)
		skex_doctor_find(doctor, "binding", SKEX_FAIL,
			"mend what it says, and restart skexd; or remove the binding",
			"%s with %s: it is not run: %s", name, peer, problem);
	else if (strcmp(skex_json_text(binding, "state"), "unsafe") == 0)
		skex_doctor_find(doctor, "binding", SKEX_FAIL, "mend it, or take it off the link",
			"%s with %s: what no key protects passes as well: %s", name, peer, problem);
	else if (skex_json_true(binding, "closed"))
		skex_doctor_find(doctor, "binding", SKEX_FAIL,
			"see the checks above, and `skex binding ls` at the peer",
			"%s with %s: closed, for no fresh key could be had; %s", name, peer,
			problem);
	else if (json_is_null(json_object_get(binding, "active_key")))
		skex_doctor_find(doctor, "binding", SKEX_FAIL,
			"the peer needs the same binding; see `skex binding ls` there",
			"%s with %s: there was no key yet; %s", name, peer, problem);
	else if (problem[0] != '\0')
		skex_doctor_find(doctor, "binding", SKEX_WARN,
			"see `skex binding ls` at the peer as well",
			"%s with %s: a key %s old is in use, but: %s", name, peer, age, problem);
	else
		skex_doctor_find(doctor, "binding", SKEX_PASS, NULL,
			"%s with %s: a key %s old is in use", name, peer, age);
}

static void check_list(struct skex_doctor *doctor, const json_t *list,
	void (*check)(struct skex_doctor *doctor, const json_t *item))
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		check(doctor, json_array_get(list, i));
}

void skex_doctor_daemon(struct skex_doctor *doctor, const json_t *status)
{
	const json_t *legs = json_object_get(status, "legs");
	const json_t *peers = json_object_get(status, "peers");
	const json_t *fills = json_object_get(status, "keyfills");

	check_version(doctor, status);
	check_memory(doctor, status);
	if (json_array_size(legs) == 0 && json_array_size(fills) == 0)
		skex_doctor_find(doctor, "hub", SKEX_FAIL, "take in a kit: skex join KIT",
			"this agent is enrolled at no hub");
	check_list(doctor, legs, check_hub);
	check_list(doctor, legs, check_pad);
	if (json_array_size(peers) == 0)
		skex_doctor_find(doctor, "peer", SKEX_WARN,
			"name peers in the configuration, or: skex peer add NAME --profile PROFILE",
			"there are no peers");
	check_list(doctor, peers, check_quorum);
	check_list(doctor, fills, check_keyfill);
	check_list(doctor, json_object_get(status, "kmes"), check_kme);
	check_list(doctor, json_object_get(status, "pools"), check_pool);
	check_list(doctor, json_object_get(status, "bindings"), check_binding);
}
