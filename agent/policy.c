/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_file.h"
#include "agent/policy_parts.h"
#include "base/log.h"
#include "base/util.h"
#include "base/whole.h"

#define SUFFIX ".conf"

/* The name that the user's file goes by. */
#define USER_FILE "policy.conf"

const char *const policy_unknown_names[] = {"refuse", "ask", "allow", NULL};
const char *const policy_verdict_names[] = {"refuse", "ask", "allow", NULL};

/* While a file is refused that never was right. */
static const struct policy_terms nothing = {.tokens = -1, .interaction = true};

/* What a web origin may call when its rule does not say. */
static const char *const web_methods[] = {"statement.get", "token.get", "keys.jwks", NULL};

/* What no rule can take away. */
static const char *const free_methods[] = {"hello", "cancel", NULL};

struct policy {
    char *directory;
    char *user_path;
    struct policy_file files[POLICY_FILES_MAX + 1]; /* the user's is the last */
    size_t n;
    uint64_t generation;
    struct fail fail; /* why the directory itself cannot be read, or CPS_OK */
};

static void free_files(struct policy_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        policy_file_done(&files[i]);
}

static struct policy_file *former(struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n; i++)
        if (!policy->files[i].user && strcmp(policy->files[i].name, name) == 0)
            return &policy->files[i];
    return NULL;
}

static void load_file(struct policy *policy, const char *name, struct policy_file *file)
{
    AUTO_FREE char *path = NULL;

    if (asprintf(&path, "%s/%s", policy->directory, name) < 0)
        abort(); /* rules cannot be left out; the supervisor starts the agent again */
    policy_file_read(file, name, path, former(policy, name));
}

static struct policy_file *user_file(struct policy *policy)
{
    bool last = policy->n > 0 && policy->files[policy->n - 1].user;

    return last ? &policy->files[policy->n - 1] : NULL;
}

static int is_rules(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
           strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

void policy_reload(struct policy *policy)
{
    struct policy_file files[POLICY_FILES_MAX + 1] = {0};
    struct dirent **names = NULL;
    int n = scandir(policy->directory, &names, is_rules, alphasort);

    policy->generation++;
    policy->fail = (struct fail)FAIL_INIT;
    if (n < 0 && errno != ENOENT)
        fail_set(&policy->fail, CPS_CONFIGURATION, "%s: %s", policy->directory, strerror(errno));
    else if (n > POLICY_FILES_MAX)
        fail_set(&policy->fail, CPS_CONFIGURATION, "%s: more than %d files", policy->directory,
                 POLICY_FILES_MAX);
    if (policy->fail.code != CPS_OK) {
        log_error("rules for programs: %s", policy->fail.causes[0]);
    } else {
        size_t count = n > 0 ? (size_t)n : 0;

        for (size_t i = 0; i < count; i++)
            load_file(policy, names[i]->d_name, &files[i]);
        if (user_file(policy) != NULL)
            files[count++] = policy->files[--policy->n];
        free_files(policy->files, policy->n);
        memcpy(policy->files, files, sizeof files);
        policy->n = count;
    }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

const char *policy_user_path(const struct policy *policy)
{
    return policy->user_path;
}

static void put_user(struct policy *policy, struct policy_file *file)
{
    struct policy_file *before = user_file(policy);

    policy->generation++;
    if (before != NULL)
        policy_file_done(before);
    else
        before = &policy->files[policy->n++];
    *before = *file;
}

static void drop_user(struct policy *policy)
{
    policy->generation++;
    if (user_file(policy) != NULL)
        policy_file_done(&policy->files[--policy->n]);
}

void policy_take_user(struct policy *policy, const char *text, size_t len)
{
    struct policy_file file;

    if (text == NULL) {
        drop_user(policy);
        return;
    }
    policy_file_parse(&file, USER_FILE, policy->user_path, text, len, user_file(policy));
    put_user(policy, &file);
}

void policy_miss_user(struct policy *policy, const struct fail *fail)
{
    struct policy_file file;
    char text[512];

    if (user_file(policy) == NULL && fail->code != CPS_CONFIGURATION) {
        fail_describe(fail, text, sizeof text);
        log_error("rules for programs: %s", text);
        return;
    }
    policy_file_refuse(&file, USER_FILE, fail, user_file(policy));
    put_user(policy, &file);
}

static void load_user(struct policy *policy)
{
    AUTO_FREE char *text = NULL;
    struct fail fail;
    size_t len = 0;
    int r = whole_load(policy->user_path, POLICY_USER_MAX, &text, &len);

    if (r < 0 && r != -ENOENT) {
        fail_set(&fail, CPS_CONFIGURATION, "%s: %s", policy->user_path, strerror(-r));
        policy_miss_user(policy, &fail);
    } else {
        policy_take_user(policy, text, len);
    }
}

struct policy *policy_new(const char *directory, const char *user_file)
{
    struct policy *policy = calloc(1, sizeof *policy);

    if (policy == NULL)
        return NULL;
    policy->directory = strdup(directory);
    policy->user_path = user_file != NULL ? strdup(user_file) : NULL;
    if (policy->directory == NULL || (policy->user_path == NULL) != (user_file == NULL)) {
        policy_free(policy);
        return NULL;
    }
    policy_reload(policy);
    if (policy->user_path != NULL)
        load_user(policy);
    return policy;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    free_files(policy->files, policy->n);
    free(policy->directory);
    free(policy->user_path);
    free(policy);
}

uint64_t policy_generation(const struct policy *policy)
{
    return policy->generation;
}

bool policy_wants_cgroup(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n; i++)
        for (size_t k = 0; k < policy->files[i].n; k++)
            if (policy->files[i].sections[k].units != NULL ||
                policy->files[i].sections[k].apps != NULL)
                return true;
    return false;
}

/* The first section of the site's files, or of the user's, that fits; else the first [default]. */
static const struct policy_section *find(const struct policy *policy, bool user,
                                         const struct policy_peer *peer)
{
    const struct policy_section *otherwise = NULL;

    for (size_t i = 0; i < policy->n; i++) {
        const struct policy_file *file = &policy->files[i];

        for (size_t k = 0; file->user == user && k < file->n; k++) {
            const struct policy_section *section = &file->sections[k];

            if (policy_section_fits(section, peer))
                return section;
            if (section->is_default && otherwise == NULL)
                otherwise = section;
        }
    }
    return otherwise;
}

/* A file, or the directory, is refused that never was right. */
static bool is_closed(const struct policy *policy)
{
    bool site = false;
    bool closed = false;

    for (size_t i = 0; i < policy->n; i++) {
        site |= !policy->files[i].user;
        closed |= policy->files[i].refused && policy->files[i].sections == NULL;
    }
    return closed || (policy->fail.code != CPS_OK && !site);
}

/* The user's terms take away from the site's. */
static void narrow(struct policy_terms *terms, const struct policy_terms *by)
{
    terms->authentication &= by->authentication;
    terms->signature &= by->signature;
    terms->data = by->data < terms->data ? by->data : terms->data;
    terms->ask_pin &= by->ask_pin;
    terms->login_required |= by->login_required;
    terms->typed_pin &= by->typed_pin;
    terms->interaction &= by->interaction;
    terms->counter_signature &= by->counter_signature;
    terms->confirm |= by->confirm;
    if (by->lifetime_s > 0 && (terms->lifetime_s == 0 || by->lifetime_s < terms->lifetime_s))
        terms->lifetime_s = by->lifetime_s;
}

static void combine(struct policy_rule *rule)
{
    if (rule->closed)
        rule->terms = nothing;
    else
        rule->terms = rule->site != NULL ? rule->site->terms : policy_built_in;
    if (rule->user != NULL)
        narrow(&rule->terms, &rule->user->terms);
    rule->terms.methods = rule->terms.audiences = NULL; /* those of the sections count */
}

static bool has_parts(const struct policy_section *section)
{
    return section != NULL && section->next_part != NULL;
}

void policy_find(const struct policy *policy, const struct policy_peer *peer,
                 struct policy_rule *ret_rule)
{
    const struct policy_section *site = find(policy, false, peer);
    const struct policy_section *user = find(policy, true, peer);
    bool named = site != NULL && !site->is_default;

    *ret_rule = (struct policy_rule){.site = site,
                                     .user = user,
                                     .web = peer->origin != NULL,
                                     .closed = !named && is_closed(policy),
                                     .in_parts = has_parts(site) || has_parts(user)};
    combine(ret_rule);
}

void policy_find_part(const struct policy_rule *rule, const struct policy_peer *peer,
                      const char *audience, struct policy_rule *ret_rule)
{
    *ret_rule = *rule;
    ret_rule->site = policy_parts_choose(rule->site, peer, audience);
    ret_rule->user = policy_parts_choose(rule->user, peer, audience);
    combine(ret_rule);
}

static bool holds(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* NULL: not said. */
static char **methods_of(const struct policy_section *section)
{
    if (section != NULL && section->terms.methods == NULL && section->whole != NULL)
        section = section->whole;
    return section != NULL ? section->terms.methods : NULL;
}

bool policy_permits(const struct policy_rule *rule, const char *method)
{
    char **site = methods_of(rule->site);
    char **user = methods_of(rule->user);

    if (site == NULL && user == NULL && !rule->web)
        return true;
    if (holds(free_methods, method))
        return true;
    if (rule->web && site == NULL && !holds(web_methods, method))
        return false;
    return policy_any_fits(site, method) && policy_any_fits(user, method);
}

enum policy_verdict policy_decide(const struct policy_rule *rule, enum policy_unknown unknown,
                                  enum policy_kind kind, const char *audience)
{
    enum policy_answer site =
        policy_terms_say(rule->site != NULL ? &rule->site->terms : NULL, kind, audience);
    enum policy_answer user =
        policy_terms_say(rule->user != NULL ? &rule->user->terms : NULL, kind, audience);

    if (rule->closed || site == POLICY_NO || user == POLICY_NO)
        return POLICY_REFUSED;
    if (site == POLICY_YES)
        return POLICY_ALLOWED;
    if (unknown == POLICY_UNKNOWN_REFUSE)
        return POLICY_REFUSED;
    if (user == POLICY_YES || unknown == POLICY_UNKNOWN_ALLOW)
        return POLICY_ALLOWED;
    return POLICY_TO_ASK;
}

json_t *policy_section_json(const struct policy_section *section)
{
    if (section == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:s*, s:O}", "origin", section->user ? "user" : "site",
                     "file", section->file, "section", section->name, "part_of",
                     section->whole != NULL ? section->whole->name : NULL, "keys", section->keys);
}

json_t *policy_parts_json(const struct policy_rule *rule, const struct policy_peer *peer)
{
    const struct policy_section *const wholes[] = {rule->site, rule->user};
    json_t *parts = json_array();

    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++)
        for (const struct policy_section *part = wholes[i] != NULL ? wholes[i]->next_part : NULL;
             part != NULL; part = part->next_part)
            if (policy_section_fits(part, peer))
                json_array_append_new(parts, policy_section_json(part));
    return parts;
}

json_t *policy_rules_json(const struct policy *policy)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < policy->n; i++)
        for (size_t k = 0; k < policy->files[i].n; k++)
            json_array_append_new(rules, policy_section_json(&policy->files[i].sections[k]));
    return rules;
}

json_t *policy_json(const struct policy *policy)
{
    json_t *refused = json_array();

    for (size_t i = 0; i < policy->n; i++)
        if (policy->files[i].refused)
            json_array_append_new(refused, json_pack("{s:s, s:s*}", "file", policy->files[i].name,
                                                     "error", policy->files[i].why));
    if (policy->fail.code != CPS_OK)
        json_array_append_new(refused, json_pack("{s:s, s:s}", "file", policy->directory, "error",
                                                 policy->fail.causes[0]));
    return json_pack("{s:i, s:o}", "files", (int)policy->n, "refused", refused);
}
