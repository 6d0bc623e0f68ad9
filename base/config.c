/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct value {
    const struct config_key *key;
    char *text;
};

struct config {
    struct value values[CONFIG_KEYS_MAX];
    size_t n;
};

struct load {
    const struct config_key *keys;
    struct config *config;
    struct fail *fail;
    const char *path;
};

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->n; i++)
        free(config->values[i].text);
    free(config);
}

static const struct value *find(const struct config *config, const char *section, const char *key)
{
    for (size_t i = 0; config != NULL && i < config->n; i++) {
        const struct value *value = &config->values[i];

        if (strcmp(value->key->section, section) == 0 && strcmp(value->key->key, key) == 0)
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
        if (strcmp(keys->section, section) == 0 && strcmp(keys->key, name) == 0)
            return keys;
    return NULL;
}

/* Called by libinih for each key; 0 makes the line an error. The first cause found is kept. */
static int on_key(void *user, const char *section, const char *name, const char *text)
{
    struct load *load = user;
    struct config *config = load->config;
    const struct config_key *key = known(load->keys, section, name);
    const char *why = NULL;
    char *copy;

    if (key == NULL)
        why = "unknown key";
    else if (find(config, section, name) != NULL)
        why = "key given twice";
    else if (!fits(key, text))
        why = "value of the wrong form";
    else if (config->n == CONFIG_KEYS_MAX)
        why = "too many keys";
    if (why != NULL) {
        if (load->fail->code == CPS_OK)
            fail_set(load->fail, CPS_CONFIGURATION, "[%s] %s: %s", section, name, why);
        return 0;
    }
    copy = strdup(text);
    if (copy == NULL)
        return 0;
    config->values[config->n++] = (struct value){.key = key, .text = copy};
    return 1;
}

cps_error config_load(const char *path, const struct config_key *keys, bool optional,
                      struct config **ret_config, struct fail *fail)
{
    AUTO_CONFIG struct config *config = calloc(1, sizeof *config);
    struct load load = {.keys = keys, .config = config, .fail = fail, .path = path};
    int line;

    *fail = (struct fail)FAIL_INIT;
    if (config == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    line = ini_parse(path, on_key, &load);
    if (line == -1 && !(optional && errno == ENOENT))
        return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    if (line > 0) {
        if (fail->code == CPS_OK)
            fail_set(fail, CPS_CONFIGURATION, "not of the form key = value");
        return fail_add(fail, "%s, line %d", path, line);
    }
    *ret_config = TAKE_PTR(config);
    return CPS_OK;
}

const char *config_string(const struct config *config, const char *section, const char *key,
                          const char *otherwise)
{
    const struct value *value = find(config, section, key);

    return value != NULL ? value->text : otherwise;
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

char **config_list(const struct config *config, const char *section, const char *key)
{
    const char *at = config_string(config, section, key, "");
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

void config_list_free(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}
