/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program may do what: the files policy.d/NAME.conf of the configuration, read in the order
 * of their names, and the user's own file under them. The first section that fits a program is its
 * rule; then the first section called [default]; then the built-in rule. A rule may have parts, for
 * some audiences (agent/policy_parts.h).
 *
 * The user's file takes away, or answers what the site leaves open; it never widens what the site
 * says. A file with a mistake is refused as a whole: what it said before stays in force. One that
 * never was right may have been meant to forbid something: programs that no other file names then
 * get nothing, until it is corrected.
 */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/policy_terms.h"

/* Files read, at most, and the size of the user's. */
#define POLICY_FILES_MAX 64
#define POLICY_USER_MAX  (256 * 1024)

/* What becomes of a need that no rule answers. */
enum policy_unknown { POLICY_UNKNOWN_REFUSE, POLICY_UNKNOWN_ASK, POLICY_UNKNOWN_ALLOW };
extern const char *const policy_unknown_names[];

enum policy_verdict { POLICY_REFUSED, POLICY_TO_ASK, POLICY_ALLOWED };
extern const char *const policy_verdict_names[];

/* Who asks; each may be NULL: not known. origin: the web page that the program speaks for. */
struct policy_peer {
    const char *program;
    const char *unit;
    const char *app;
    const char *origin;
};

struct policy_section;

/* What holds for one program: the site's terms and the user's, combined. */
struct policy_rule {
    struct policy_terms terms; /* lists and what may be left open are in the sections instead */
    const struct policy_section *site; /* or NULL: the built-in rule. Borrowed until a reload */
    const struct policy_section *user; /* or NULL */
    bool closed;                       /* a file is refused that never was right */
    bool web;                          /* for a web origin */
    bool in_parts;                     /* another section may hold for some audience */
};

struct policy;

/*
 * Reads all files. directory and user_file (or NULL) are copied; what does not exist says nothing.
 * NULL when memory is short.
 */
struct policy *policy_new(const char *directory, const char *user_file);
void policy_free(struct policy *policy);

/* Reads the site's files again. */
void policy_reload(struct policy *policy);

/* The user's file, or NULL; the agent does not wait for the disk that it is on. */
const char *policy_user_path(const struct policy *policy);

/* What it holds now; NULL: it is not there. */
void policy_take_user(struct policy *policy, const char *text, size_t len);

/*
 * Why it cannot be read: what it said stays in force. CPS_CONFIGURATION: it is there, and refused
 * if it said nothing before. Any other reason: nobody knows, and it is as little there as it was.
 */
void policy_miss_user(struct policy *policy, const struct fail *fail);

/* Another number after each of these: rules found before are not to be used any more. */
uint64_t policy_generation(const struct policy *policy);

/* Whether some rule goes by unit or app. */
bool policy_wants_cgroup(const struct policy *policy);

void policy_find(const struct policy *policy, const struct policy_peer *peer,
                 struct policy_rule *ret_rule);

/*
 * Of a rule that policy_find() gave for the same peer: what holds for that audience. It is that of
 * a statement, the API of an exchanged token, the service of a proxy, or the provider of the
 * session's own tokens.
 */
void policy_find_part(const struct policy_rule *rule, const struct policy_peer *peer,
                      const char *audience, struct policy_rule *ret_rule);

/* hello and cancel are permitted to all; to a web origin, by itself, what it is made for alone. */
bool policy_permits(const struct policy_rule *rule, const char *method);

/* audience: of a statement, else NULL. */
enum policy_verdict policy_decide(const struct policy_rule *rule, enum policy_unknown unknown,
                                  enum policy_kind kind, const char *audience);

/* {files: n, refused: [{file, error}]} */
json_t *policy_json(const struct policy *policy);

/* [{origin: "site" | "user", file, section, part_of?, keys: {…}}] */
json_t *policy_rules_json(const struct policy *policy);

/* One of them, or null. */
json_t *policy_section_json(const struct policy_section *section);

/* The parts of a rule that policy_find() gave for that peer, the site's before the user's. */
json_t *policy_parts_json(const struct policy_rule *rule, const struct policy_peer *peer);

#endif
