/* SPDX-License-Identifier: Apache-2.0 */
/* Files of rules in a directory of the test, and what they say. */
#ifndef TESTS_POLICY_BENCH_H
#define TESTS_POLICY_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/policy.h"
#include "base/util.h"
#include "base/whole.h"

static char directory[64];
static char user_file[80];

static inline void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void remove_file(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static inline int set_up(void **state)
{
    snprintf(directory, sizeof directory, "/tmp/policy-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(user_file, sizeof user_file, "%s/user", directory);
    *state = policy_new(directory, user_file);
    return *state == NULL;
}

static inline int tear_down(void **state)
{
    policy_free(*state);
    remove_file("10-a.conf");
    remove_file("20-b.conf");
    remove_file("notes.txt");
    remove_file("user");
    return rmdir(directory);
}

/* All files again. */
static inline void reload(struct policy *policy)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    policy_reload(policy);
    if (whole_load(user_file, POLICY_USER_MAX, &text, &len) == 0 || access(user_file, F_OK) < 0)
        policy_take_user(policy, text, len);
}

static inline unsigned refused(const struct policy *policy)
{
    AUTO_JSON json_t *json = policy_json(policy);

    return (unsigned)json_array_size(json_object_get(json, "refused"));
}

/* What becomes of a need, as the rule of a program has it; a part of it, if it has parts. */
static inline enum policy_verdict verdict(const struct policy *policy, const char *program,
                                          enum policy_unknown unknown, enum policy_kind kind,
                                          const char *audience)
{
    const struct policy_peer peer = {.program = program};
    struct policy_rule rule, part;

    policy_find(policy, &peer, &rule);
    part = rule;
    if (rule.in_parts && audience != NULL)
        policy_find_part(&rule, &peer, audience, &part);
    return policy_decide(&part, unknown, kind, audience);
}

/* The first file that is refused, and why; "" when none is. */
static inline const char *complaint(const struct policy *policy)
{
    static char text[512];
    AUTO_JSON json_t *json = policy_json(policy);
    const json_t *first = json_array_get(json_object_get(json, "refused"), 0);
    const char *error = json_string_value(json_object_get(first, "error"));

    snprintf(text, sizeof text, "%s", error != NULL ? error : "");
    return text;
}

#endif
