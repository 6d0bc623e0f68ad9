/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "base/util.h"

#define SUFFIX          ".conf"
#define DEFAULT_SECTION "default"

static const struct config_key keys[] = {
    {CONFIG_ANY_SECTION, "program", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "authentication", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "signature", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "data", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "ask_pin", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "login_required", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "proxy", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "typed_pin", CONFIG_STRING, 0, 0},
    {0},
};

/* What a key of a rule says when it is absent, and the rule of programs that no file speaks of. */
static const struct policy_rule built_in = {
    .authentication = true, .signature = true, .data = POLICY_DATA_PUBLIC, .ask_pin = true};

/* While a file is refused that never was right. */
static const struct policy_rule nothing = {0};

struct section {
    char **programs; /* NULL: [default] */
    struct policy_rule rule;
};

struct file {
    char *name;
    struct section *sections; /* NULL: never read well */
    size_t n;
    bool refused;
    char *why;
};

struct policy {
    char *directory;
    struct file files[POLICY_FILES_MAX];
    size_t n;
    struct fail fail; /* why the directory itself cannot be read, or CPS_OK */
};

static void free_sections(struct file *file)
{
    for (size_t i = 0; i < file->n; i++)
        config_list_free(file->sections[i].programs);
    free(TAKE_PTR(file->sections));
    file->n = 0;
}

static void file_done(struct file *file)
{
    free_sections(file);
    free(file->name);
    free(file->why);
}

static void free_files(struct file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        file_done(&files[i]);
}

/* Index of the word that the key holds, or of the default when it is absent; -1: another one. */
static int word_of(const struct config *config, const char *section, const char *key,
                   const char *const *words, int otherwise)
{
    const char *text = config_string(config, section, key, words[otherwise]);

    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

static cps_error read_rule(const struct config *config, const char *section,
                           struct policy_rule *ret_rule, struct fail *fail)
{
    static const char *const signature_words[] = {"no", "confirm", NULL};
    static const char *const data_words[] = {"none", "public", "all", NULL};
    static const char *const typed_words[] = {"refuse", "ignore", NULL};
    int signature = word_of(config, section, "signature", signature_words, built_in.signature);
    int data = word_of(config, section, "data", data_words, (int)built_in.data);
    int typed = word_of(config, section, "typed_pin", typed_words, built_in.typed_pin);

    if (signature < 0)
        return fail_set(fail, CPS_CONFIGURATION, "[%s] signature: no or confirm", section);
    if (data < 0)
        return fail_set(fail, CPS_CONFIGURATION, "[%s] data: none, public or all", section);
    if (typed < 0)
        return fail_set(fail, CPS_CONFIGURATION, "[%s] typed_pin: refuse or ignore", section);
    *ret_rule = (struct policy_rule){
        .authentication = config_bool(config, section, "authentication", built_in.authentication),
        .signature = signature == 1,
        .data = (enum policy_data)data,
        .ask_pin = config_bool(config, section, "ask_pin", built_in.ask_pin),
        .login_required = config_bool(config, section, "login_required", built_in.login_required),
        .proxy = config_bool(config, section, "proxy", built_in.proxy),
        .typed_pin = typed == 1,
    };
    return CPS_OK;
}

/* A rule that can never match anything is a mistake, and one that matches all is for [default]. */
static cps_error read_programs(const struct config *config, const char *section,
                               char ***ret_programs, struct fail *fail)
{
    char **programs = config_list(config, section, "program");
    bool is_default = strcmp(section, DEFAULT_SECTION) == 0;
    bool wrong = programs == NULL || (programs[0] == NULL) != is_default;

    for (size_t i = 0; !wrong && programs[i] != NULL; i++)
        wrong = programs[i][0] != '/';
    if (wrong) {
        config_list_free(programs);
        return fail_set(fail, CPS_CONFIGURATION, "[%s] program: %s", section,
                        is_default ? "not in this section" : "absolute paths");
    }
    if (is_default) {
        config_list_free(programs);
        programs = NULL;
    }
    *ret_programs = programs;
    return CPS_OK;
}

static cps_error read_file(const char *path, struct file *file, struct fail *fail)
{
    AUTO_CONFIG struct config *config = NULL;
    const char *names[CONFIG_SECTIONS_MAX];
    size_t n;

    if (config_load(path, keys, false, &config, fail) != CPS_OK)
        return fail->code;
    n = config_sections(config, names);
    file->sections = calloc(n + 1, sizeof *file->sections);
    if (file->sections == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (; file->n < n; file->n++) {
        struct section *section = &file->sections[file->n];

        if (read_rule(config, names[file->n], &section->rule, fail) != CPS_OK ||
            read_programs(config, names[file->n], &section->programs, fail) != CPS_OK)
            return fail_add(fail, "%s", path);
    }
    return CPS_OK;
}

/* The rules that a file of that name had are moved over. */
static void keep_former(struct policy *policy, struct file *file)
{
    for (size_t i = 0; i < policy->n; i++) {
        struct file *old = &policy->files[i];

        if (strcmp(old->name, file->name) == 0) {
            file->sections = TAKE_PTR(old->sections);
            file->n = old->n;
            old->n = 0;
        }
    }
}

static void load_file(struct policy *policy, const char *name, struct file *file)
{
    AUTO_FREE char *path = NULL;
    struct fail fail = FAIL_INIT;
    char text[512];

    file->name = strdup(name);
    if (file->name == NULL || asprintf(&path, "%s/%s", policy->directory, name) < 0)
        abort(); /* rules cannot be left out; the supervisor starts the agent again */
    if (read_file(path, file, &fail) == CPS_OK)
        return;
    free_sections(file);
    keep_former(policy, file);
    fail_describe(&fail, text, sizeof text);
    log_error("rules for programs: %s", text);
    file->refused = true;
    file->why = strdup(text);
}

static int is_rules(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
           strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

void policy_reload(struct policy *policy)
{
    struct file files[POLICY_FILES_MAX] = {0};
    struct dirent **names = NULL;
    int n = scandir(policy->directory, &names, is_rules, alphasort);

    policy->fail = (struct fail)FAIL_INIT;
    if (n < 0 && errno != ENOENT)
        fail_set(&policy->fail, CPS_CONFIGURATION, "%s: %s", policy->directory, strerror(errno));
    else if (n > POLICY_FILES_MAX)
        fail_set(&policy->fail, CPS_CONFIGURATION, "%s: more than %d files", policy->directory,
                 POLICY_FILES_MAX);
    if (policy->fail.code != CPS_OK) {
        log_error("rules for programs: %s", policy->fail.causes[0]);
    } else {
        for (int i = 0; i < n; i++)
            load_file(policy, names[i]->d_name, &files[i]);
        free_files(policy->files, policy->n);
        memcpy(policy->files, files, sizeof files);
        policy->n = n > 0 ? (size_t)n : 0;
    }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

struct policy *policy_new(const char *directory)
{
    struct policy *policy = calloc(1, sizeof *policy);

    if (policy == NULL)
        return NULL;
    policy->directory = strdup(directory);
    if (policy->directory == NULL) {
        free(policy);
        return NULL;
    }
    policy_reload(policy);
    return policy;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    free_files(policy->files, policy->n);
    free(policy->directory);
    free(policy);
}

/* Wildcards do not cross a slash. */
static bool matches(const struct section *section, const char *path)
{
    if (path == NULL)
        return false;
    for (char **pattern = section->programs; pattern != NULL && *pattern != NULL; pattern++)
        if (fnmatch(*pattern, path, FNM_PATHNAME) == 0)
            return true;
    return false;
}

const struct policy_rule *policy_for(const struct policy *policy, const char *path)
{
    const struct policy_rule *otherwise = NULL;
    bool closed = policy->fail.code != CPS_OK && policy->n == 0;

    for (size_t i = 0; i < policy->n; i++) {
        const struct file *file = &policy->files[i];

        closed |= file->refused && file->sections == NULL;
        for (size_t k = 0; k < file->n; k++) {
            if (matches(&file->sections[k], path))
                return &file->sections[k].rule;
            if (file->sections[k].programs == NULL && otherwise == NULL)
                otherwise = &file->sections[k].rule;
        }
    }
    if (closed)
        return &nothing;
    return otherwise != NULL ? otherwise : &built_in;
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
