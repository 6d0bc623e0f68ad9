/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct value {
    const struct config_key *key;
    char *section;
    char *text;
    int line;
};

struct config {
    struct value values[CONFIG_KEYS_MAX];
    size_t n;
};

struct load {
    const struct config_key *keys;
    struct config *config;
    struct fail *fail;
    int wrong_line; /* of the first mistake that fail tells, or 0 */
    FILE *file;
    int line;
    char *text;
    size_t size;
};

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->n; i++) {
        free(config->values[i].section);
        free(config->values[i].text);
    }
    free(config);
}

static const struct value *find(const struct config *config, const char *section, const char *key)
{
    for (size_t i = 0; config != NULL && i < config->n; i++) {
        const struct value *value = &config->values[i];

        if (strcmp(value->section, section) == 0 && strcmp(value->key->key, key) == 0)
            return value;
    }
    return NULL;
}

static bool parse_bool(const char *text, bool *ret_value)
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return false;
    *ret_value = yes;
    return true;
}

static bool parse_int(const char *text, int64_t *ret_value)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    *ret_value = value;
    return true;
}

static bool fits(const struct config_key *key, const char *text)
{
    int64_t number;
    bool flag;

    switch (key->type) {
    case CONFIG_BOOL:
        return parse_bool(text, &flag);
    case CONFIG_INT:
        return parse_int(text, &number) && number >= key->min && number <= key->max;
    case CONFIG_STRING:
        return strlen(text) <= CONFIG_VALUE_MAX;
    }
    return false;
}

static const struct config_key *known(const struct config_key *keys, const char *section,
                                      const char *name)
{
    for (; keys->section != NULL; keys++)
        if ((strcmp(keys->section, section) == 0 ||
             strcmp(keys->section, CONFIG_ANY_SECTION) == 0) &&
            strcmp(keys->key, name) == 0)
            return keys;
    return NULL;
}

static void refuse(struct load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first mistake found is the one that is told. */
static void refuse(struct load *load, const char *format, ...)
{
    char why[FAIL_CAUSE_LEN];
    va_list ap;

    if (load->wrong_line != 0)
        return;
    load->wrong_line = load->line;
    va_start(ap, format);
    vsnprintf(why, sizeof why, format, ap);
    va_end(ap);
    fail_set(load->fail, CPS_CONFIGURATION, "%s", why);
}

/*
 * Called by libinih for each line. By itself it would take what does not fit in its buffer for the
 * next line: a note's end could pass for a setting.
 */
static char *read_line(char *text, int size, void *user)
{
    struct load *load = user;
    ssize_t len = getline(&load->text, &load->size, load->file);

    if (len < 0)
        return NULL;
    load->line++;
    if (len >= size || strlen(load->text) != (size_t)len) {
        refuse(load, "line too long (%d bytes at most), or not text", size - 1);
        return NULL;
    }
    memcpy(text, load->text, (size_t)len + 1);
    return text;
}

size_t config_sections(const struct config *config, const char *ret_names[CONFIG_SECTIONS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < config->n; i++) {
        size_t known_as = 0;

        while (known_as < n && strcmp(ret_names[known_as], config->values[i].section) != 0)
            known_as++;
        if (known_as == n && n < CONFIG_SECTIONS_MAX)
            ret_names[n++] = config->values[i].section;
    }
    return n;
}

/* A new section must have a name that libinih gives whole, and be one of not too many. */
static bool section_fits(const struct config *config, const char *section)
{
    const char *names[CONFIG_SECTIONS_MAX];
    size_t n = config_sections(config, names);

    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], section) == 0)
            return true;
    return n < CONFIG_SECTIONS_MAX && section[0] != '\0' && strlen(section) <= CONFIG_SECTION_MAX;
}

/* What a value that does not fit should have been. */
static void refuse_value(struct load *load, const struct config_key *key, const char *section)
{
    switch (key->type) {
    case CONFIG_BOOL:
        refuse(load, "[%s] %s: neither yes nor no", section, key->key);
        break;
    case CONFIG_INT:
        refuse(load, "[%s] %s: not a number from %lld to %lld", section, key->key,
               (long long)key->min, (long long)key->max);
        break;
    case CONFIG_STRING:
        refuse(load, "[%s] %s: longer than %d bytes", section, key->key, CONFIG_VALUE_MAX);
        break;
    }
}

/* Called by libinih for each key; 0 makes the line an error. */
static int on_key(void *user, const char *section, const char *name, const char *text)
{
    struct load *load = user;
    struct config *config = load->config;
    const struct config_key *key = known(load->keys, section, name);
    const char *why = NULL;
    struct value value = {.key = key, .line = load->line};

    if (key == NULL)
        why = "unknown key";
    else if (!section_fits(config, section))
        why = "too many sections, or a name too long";
    else if (find(config, section, name) != NULL)
        why = "key given twice";
    else if (config->n == CONFIG_KEYS_MAX)
        why = "too many keys";
    if (why != NULL) {
        refuse(load, "[%s] %s: %s", section, name, why);
        return 0;
    }
    if (!fits(key, text)) {
        refuse_value(load, key, section);
        return 0;
    }
    value.section = strdup(section);
    value.text = strdup(text);
    if (value.section == NULL || value.text == NULL) {
        free(value.section);
        free(value.text);
        return 0;
    }
    config->values[config->n++] = value;
    return 1;
}

static cps_error parse(struct load *load, const char *path)
{
    int line = ini_parse_stream(read_line, load, on_key, load);

    if (line != 0 && (load->wrong_line == 0 || line < load->wrong_line)) {
        load->wrong_line = line;
        fail_set(load->fail, CPS_CONFIGURATION, "not of the form key = value");
    }
    if (load->wrong_line != 0)
        return fail_add(load->fail, "%s, line %d", path, load->wrong_line);
    if (ferror(load->file) != 0)
        return fail_set(load->fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    return CPS_OK;
}

/* file is closed; NULL: there is nothing in it. */
static cps_error read_all(FILE *file, const char *path, const struct config_key *keys,
                          struct config **ret_config, struct fail *fail)
{
    AUTO_CONFIG struct config *config = calloc(1, sizeof *config);
    struct load load = {.keys = keys, .config = config, .fail = fail, .file = file};
    cps_error error = config == NULL ? fail_set(fail, CPS_INTERNAL, "out of memory") : CPS_OK;

    if (file != NULL && error == CPS_OK)
        error = parse(&load, path);
    if (file != NULL)
        fclose(file);
    free(load.text);
    if (error == CPS_OK)
        *ret_config = TAKE_PTR(config);
    return error;
}

cps_error config_load(const char *path, const struct config_key *keys, bool optional,
                      struct config **ret_config, struct fail *fail)
{
    FILE *file = fopen(path, "re");

    *fail = (struct fail)FAIL_INIT;
    if (file == NULL && !(optional && errno == ENOENT))
        return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    return read_all(file, path, keys, ret_config, fail);
}

cps_error config_parse(const char *text, size_t len, const char *path,
                       const struct config_key *keys, struct config **ret_config, struct fail *fail)
{
    FILE *file = len > 0 ? fmemopen((char *)(uintptr_t)text, len, "r") : NULL;

    *fail = (struct fail)FAIL_INIT;
    if (file == NULL && len > 0)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    return read_all(file, path, keys, ret_config, fail);
}

const char *config_string(const struct config *config, const char *section, const char *key,
                          const char *otherwise)
{
    const struct value *value = find(config, section, key);

    return value != NULL ? value->text : otherwise;
}

int config_line(const struct config *config, const char *section, const char *key)
{
    const struct value *value = find(config, section, key);

    return value != NULL ? value->line : 0;
}

bool config_bool(const struct config *config, const char *section, const char *key, bool otherwise)
{
    const struct value *value = find(config, section, key);
    bool flag = otherwise;

    if (value != NULL)
        (void)parse_bool(value->text, &flag);
    return flag;
}

int64_t config_int(const struct config *config, const char *section, const char *key,
                   int64_t otherwise)
{
    const struct value *value = find(config, section, key);
    int64_t number = otherwise;

    if (value != NULL)
        (void)parse_int(value->text, &number);
    return number;
}

#define SEPARATORS " \t,"

char **config_words(const char *at)
{
    char **list = calloc(strlen(at) / 2 + 2, sizeof *list);
    size_t n = 0;

    if (list == NULL)
        return NULL;
    for (at += strspn(at, SEPARATORS); *at != '\0'; at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);

        list[n] = strndup(at, len);
        if (list[n++] == NULL) {
            config_list_free(list);
            return NULL;
        }
        at += len;
    }
    return list;
}

char **config_list(const struct config *config, const char *section, const char *key)
{
    return config_words(config_string(config, section, key, ""));
}

void config_list_free(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}
