/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_file.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_parts.h"
#include "agent/web_origin.h"
#include "base/log.h"
#include "base/util.h"

#define DEFAULT_SECTION "default"

static void section_done(struct policy_section *section)
{
    free(section->name);
    config_list_free(section->programs);
    config_list_free(section->units);
    config_list_free(section->apps);
    config_list_free(section->origins);
    policy_terms_done(&section->terms);
    json_decref(section->keys);
}

static void free_sections(struct policy_file *file)
{
    for (size_t i = 0; i < file->n; i++)
        section_done(&file->sections[i]);
    free(TAKE_PTR(file->sections));
    file->n = 0;
}

void policy_file_done(struct policy_file *file)
{
    free_sections(file);
    free(file->name);
    free(file->why);
}

static bool is_absolute(const char *pattern)
{
    return pattern[0] == '/';
}

static bool is_app(const char *pattern)
{
    return strncmp(pattern, "snap:", 5) == 0 || strncmp(pattern, "flatpak:", 8) == 0;
}

static bool is_word(const char *pattern)
{
    return pattern[0] != '\0';
}

/* NULL in *ret_list when the key is absent; one that is there must hold something, all valid. */
static cps_error read_patterns(const struct config *config, const char *section, const char *key,
                               bool (*valid)(const char *pattern), const char *wanted,
                               char ***ret_list, struct fail *fail)
{
    char **list;
    bool wrong;

    if (config_string(config, section, key, NULL) == NULL)
        return CPS_OK;
    list = config_list(config, section, key);
    wrong = list == NULL || list[0] == NULL;
    for (size_t i = 0; !wrong && list[i] != NULL; i++)
        wrong = !valid(list[i]);
    if (wrong) {
        config_list_free(list);
        return policy_mistake(config, section, key, wanted, fail);
    }
    *ret_list = list;
    return CPS_OK;
}

/* A rule that can never fit anything is a mistake, and one that fits all is for [default]. */
static cps_error read_selectors(const struct config *config, struct policy_section *section,
                                struct fail *fail)
{
    const char *name = section->name;
    bool some;

    if (read_patterns(config, name, "program", is_absolute, "absolute paths", &section->programs,
                      fail) != CPS_OK ||
        read_patterns(config, name, "unit", is_word, "names of units", &section->units, fail) !=
            CPS_OK ||
        read_patterns(config, name, "app", is_app, "snap:NAME or flatpak:ID", &section->apps,
                      fail) != CPS_OK ||
        read_patterns(config, name, "origin", web_origin_pattern_is_valid,
                      "https://host as browsers write it, stars for whole first labels",
                      &section->origins, fail) != CPS_OK)
        return fail->code;
    some = section->programs != NULL || section->units != NULL || section->apps != NULL ||
           section->origins != NULL;
    if (section->is_default && some)
        return fail_set(fail, CPS_CONFIGURATION,
                        "[%s] program, unit, app, origin: not in this section", name);
    if (!section->is_default && !some)
        return fail_set(fail, CPS_CONFIGURATION, "[%s] program, unit, app or origin: none is given",
                        name);
    return CPS_OK;
}

static cps_error check_origins(const struct config *config, const struct policy_section *section,
                               struct fail *fail)
{
    if (section->terms.origins && section->user)
        return policy_mistake(config, section->name, "origins", "for the site to say", fail);
    if (section->terms.origins && (section->is_default || section->origins != NULL))
        return policy_mistake(config, section->name, "origins", "not in this section", fail);
    return CPS_OK;
}

static json_t *keys_of(const struct config *config, const char *section)
{
    json_t *keys = json_object();

    for (const struct config_key *key = policy_keys; key->section != NULL; key++) {
        const char *text = config_string(config, section, key->key, NULL);

        if (text != NULL)
            json_object_set_new(keys, key->key, json_string(text));
    }
    return keys;
}

static cps_error read_section(const struct config *config, const char *name,
                              struct policy_file *file, struct policy_section *section,
                              struct fail *fail)
{
    const struct policy_terms *defaults = section->user ? &policy_neutral : &policy_built_in;
    struct policy_section *whole;

    section->name = strdup(name);
    section->is_default = strcmp(name, DEFAULT_SECTION) == 0;
    section->keys = keys_of(config, name);
    if (section->name == NULL || section->keys == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (read_selectors(config, section, fail) != CPS_OK)
        return fail->code;
    whole = policy_parts_whole(file, section);
    if (whole != NULL)
        defaults = &whole->terms;
    if (policy_terms_read(config, name, defaults, &section->terms, fail) != CPS_OK)
        return fail->code;
    if (whole != NULL)
        return policy_parts_join(config, whole, section, fail);
    return check_origins(config, section, fail);
}

static cps_error read_sections(struct policy_file *file, const struct config *config,
                               const char *path, struct fail *fail)
{
    const char *names[CONFIG_SECTIONS_MAX];
    size_t n = config_sections(config, names);

    file->sections = calloc(n + 1, sizeof *file->sections);
    if (file->sections == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    while (file->n < n) {
        struct policy_section *section = &file->sections[file->n++];

        section->file = file->name;
        section->user = file->user;
        if (read_section(config, names[file->n - 1], file, section, fail) != CPS_OK)
            return fail_add(fail, "%s", path);
    }
    return CPS_OK;
}

/* The rules that the file had are moved over. */
static void keep_former(struct policy_file *file, struct policy_file *former)
{
    file->sections = TAKE_PTR(former->sections);
    file->n = former->n;
    former->n = 0;
    for (size_t i = 0; i < file->n; i++)
        file->sections[i].file = file->name;
}

static void begin(struct policy_file *file, const char *name, bool user)
{
    *file = (struct policy_file){.name = strdup(name), .user = user};
    if (file->name == NULL)
        abort(); /* rules cannot be left out; the supervisor starts the agent again */
}

static void refuse(struct policy_file *file, const struct fail *fail, struct policy_file *former)
{
    char text[512];

    free_sections(file);
    if (former != NULL)
        keep_former(file, former);
    fail_describe(fail, text, sizeof text);
    log_error("rules for programs: %s", text);
    file->refused = true;
    file->why = strdup(text);
}

void policy_file_read(struct policy_file *file, const char *name, const char *path,
                      struct policy_file *former)
{
    AUTO_CONFIG struct config *config = NULL;
    struct fail fail;

    begin(file, name, false);
    if (config_load(path, policy_keys, false, &config, &fail) != CPS_OK ||
        read_sections(file, config, path, &fail) != CPS_OK)
        refuse(file, &fail, former);
}

void policy_file_parse(struct policy_file *file, const char *name, const char *path,
                       const char *text, size_t len, struct policy_file *former)
{
    AUTO_CONFIG struct config *config = NULL;
    struct fail fail;

    begin(file, name, true);
    if (config_parse(text, len, path, policy_keys, &config, &fail) != CPS_OK ||
        read_sections(file, config, path, &fail) != CPS_OK)
        refuse(file, &fail, former);
}

void policy_file_refuse(struct policy_file *file, const char *name, const struct fail *fail,
                        struct policy_file *former)
{
    begin(file, name, true);
    refuse(file, fail, former);
}

/* flags: FNM_PATHNAME, wildcards do not cross a slash. */
static bool fits(char *const *patterns, const char *text, int flags)
{
    if (patterns == NULL)
        return true;
    for (; text != NULL && *patterns != NULL; patterns++)
        if (fnmatch(*patterns, text, flags) == 0)
            return true;
    return false;
}

static bool origin_fits(char *const *patterns, const char *origin)
{
    if (patterns == NULL || origin == NULL)
        return patterns == NULL && origin == NULL;
    for (; *patterns != NULL; patterns++)
        if (web_origin_fits(*patterns, origin))
            return true;
    return false;
}

bool policy_section_fits(const struct policy_section *section, const struct policy_peer *peer)
{
    return !section->is_default && origin_fits(section->origins, peer->origin) &&
           fits(section->programs, peer->program, FNM_PATHNAME) &&
           fits(section->units, peer->unit, 0) && fits(section->apps, peer->app, 0);
}
