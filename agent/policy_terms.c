/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_terms.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include "agent/api/api_check.h"
#include "agent/statement.h"
#include "base/util.h"

#define TOKEN_BITS (1U << POLICY_ACCESS_TOKEN | 1U << POLICY_ID_TOKEN | 1U << POLICY_EXCHANGE)

/* A statement of less would be over before its audience has looked at its clock. */
#define LIFETIME_MIN_S 5

const char *const policy_kind_names[POLICY_KINDS] = {
    [POLICY_STATEMENT] = "statement", [POLICY_ACCESS_TOKEN] = "access", [POLICY_ID_TOKEN] = "id",
    [POLICY_EXCHANGE] = "exchange",   [POLICY_PROXY] = "proxy",
};

/* clang-format off: one key a line */
const struct config_key policy_keys[] = {
    {CONFIG_ANY_SECTION, "program", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "unit", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "app", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "origin", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "origins", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "methods", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "audiences", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "tokens", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "proxy", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "interaction", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "confirm", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "lifetime", CONFIG_INT, LIFETIME_MIN_S, STATEMENT_TTL_S},
    {CONFIG_ANY_SECTION, "counter_signature", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "authentication", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "signature", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "data", CONFIG_STRING, 0, 0},
    {CONFIG_ANY_SECTION, "ask_pin", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "login_required", CONFIG_BOOL, 0, 0},
    {CONFIG_ANY_SECTION, "typed_pin", CONFIG_STRING, 0, 0},
    {0},
};
/* clang-format on */

const struct policy_terms policy_built_in = {
    .authentication = true,
    .signature = true,
    .data = POLICY_DATA_PUBLIC,
    .ask_pin = true,
    .interaction = true,
    .counter_signature = true,
    .tokens = -1,
};

const struct policy_terms policy_neutral = {
    .authentication = true,
    .signature = true,
    .data = POLICY_DATA_ALL,
    .ask_pin = true,
    .typed_pin = true,
    .interaction = true,
    .counter_signature = true,
    .tokens = -1,
};

cps_error policy_mistake(const struct config *config, const char *section, const char *key,
                         const char *reason, struct fail *fail)
{
    int line = config_line(config, section, key);

    fail_set(fail, CPS_CONFIGURATION, "[%s] %s: %s", section, key, reason);
    return line > 0 ? fail_add(fail, "line %d", line) : fail->code;
}

char **policy_words(const struct config *config, const char *section, const char *key)
{
    const char *text = config_string(config, section, key, NULL);

    if (text == NULL)
        return NULL;
    return config_words(strcmp(text, "none") == 0 ? "" : text);
}

bool policy_any_fits(char *const *patterns, const char *text)
{
    if (patterns == NULL)
        return true;
    for (; *patterns != NULL; patterns++)
        if (fnmatch(*patterns, text, 0) == 0)
            return true;
    return false;
}

/* Index of the word that the key holds, or of the default when it is absent; -1: another one. */
static int word_of(const struct config *config, const char *section, const char *key,
                   const char *const *words, int otherwise)
{
    const char *text = config_string(config, section, key, NULL);

    if (text == NULL)
        return otherwise;
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

/* Bits of the words that the key holds; -1: absent, -2: another word. */
static int bits_of(const struct config *config, const char *section, const char *key,
                   const char *const *words, const unsigned *bits)
{
    char **list = policy_words(config, section, key);
    int found = list != NULL ? 0 : -1;

    for (size_t i = 0; list != NULL && list[i] != NULL && found >= 0; i++) {
        size_t w = 0;

        while (words[w] != NULL && strcmp(words[w], list[i]) != 0)
            w++;
        found = words[w] != NULL ? found | (int)bits[w] : -2;
    }
    config_list_free(list);
    return found;
}

static cps_error read_card(const struct config *config, const char *section,
                           const struct policy_terms *defaults, struct policy_terms *terms,
                           struct fail *fail)
{
    static const char *const signature_words[] = {"no", "confirm", NULL};
    static const char *const data_words[] = {"none", "public", "all", NULL};
    static const char *const typed_words[] = {"refuse", "ignore", NULL};
    int signature = word_of(config, section, "signature", signature_words, defaults->signature);
    int data = word_of(config, section, "data", data_words, (int)defaults->data);
    int typed = word_of(config, section, "typed_pin", typed_words, defaults->typed_pin);

    if (signature < 0)
        return policy_mistake(config, section, "signature", "no or confirm", fail);
    if (data < 0)
        return policy_mistake(config, section, "data", "none, public or all", fail);
    if (typed < 0)
        return policy_mistake(config, section, "typed_pin", "refuse or ignore", fail);
    terms->authentication =
        config_bool(config, section, "authentication", defaults->authentication);
    terms->signature = signature == 1;
    terms->data = (enum policy_data)data;
    terms->ask_pin = config_bool(config, section, "ask_pin", defaults->ask_pin);
    terms->login_required =
        config_bool(config, section, "login_required", defaults->login_required);
    terms->typed_pin = typed == 1;
    return CPS_OK;
}

/* A pattern that fits no method is a mistake: what it was to forbid or allow is not known. */
static cps_error check_methods(const struct config *config, const char *section,
                               char *const *methods, struct fail *fail)
{
    for (; methods != NULL && *methods != NULL; methods++) {
        int i = 0;

        while (i < API_METHOD_COUNT && fnmatch(*methods, api_methods[i].name, 0) != 0)
            i++;
        if (i == API_METHOD_COUNT)
            return policy_mistake(config, section, "methods", "there is no such method", fail);
    }
    return CPS_OK;
}

static cps_error read_given(const struct config *config, const char *section,
                            const struct policy_terms *defaults, struct policy_terms *terms,
                            struct fail *fail)
{
    static const char *const token_words[] = {"access", "id", "exchange", NULL};
    static const unsigned token_bits[] = {1U << POLICY_ACCESS_TOKEN, 1U << POLICY_ID_TOKEN,
                                          1U << POLICY_EXCHANGE};
    static const char *const confirm_words[] = {"statement", "token", "proxy", NULL};
    static const unsigned confirm_bits[] = {1U << POLICY_STATEMENT, TOKEN_BITS, 1U << POLICY_PROXY};
    int confirm = bits_of(config, section, "confirm", confirm_words, confirm_bits);

    terms->tokens = bits_of(config, section, "tokens", token_words, token_bits);
    if (terms->tokens < -1)
        return policy_mistake(config, section, "tokens", "none, or access, id, exchange", fail);
    if (confirm < -1)
        return policy_mistake(config, section, "confirm", "none, or statement, token, proxy", fail);
    if (terms->tokens == -1)
        terms->tokens = defaults->tokens;
    terms->confirm = confirm >= 0 ? (unsigned)confirm : defaults->confirm;
    terms->proxy = defaults->proxy;
    if (config_string(config, section, "proxy", NULL) != NULL)
        terms->proxy = config_bool(config, section, "proxy", false) ? POLICY_YES : POLICY_NO;
    terms->interaction = config_bool(config, section, "interaction", defaults->interaction);
    terms->counter_signature =
        config_bool(config, section, "counter_signature", defaults->counter_signature);
    terms->origins = config_bool(config, section, "origins", defaults->origins);
    terms->lifetime_s = (int)config_int(config, section, "lifetime", defaults->lifetime_s);
    terms->methods = policy_words(config, section, "methods");
    terms->audiences = policy_words(config, section, "audiences");
    return check_methods(config, section, terms->methods, fail);
}

cps_error policy_terms_read(const struct config *config, const char *section,
                            const struct policy_terms *defaults, struct policy_terms *ret_terms,
                            struct fail *fail)
{
    struct policy_terms terms = {0};

    if (read_card(config, section, defaults, &terms, fail) != CPS_OK ||
        read_given(config, section, defaults, &terms, fail) != CPS_OK) {
        policy_terms_done(&terms);
        return fail->code;
    }
    *ret_terms = terms;
    return CPS_OK;
}

void policy_terms_done(struct policy_terms *terms)
{
    config_list_free(TAKE_PTR(terms->methods));
    config_list_free(TAKE_PTR(terms->audiences));
}

enum policy_answer policy_terms_say(const struct policy_terms *terms, enum policy_kind kind,
                                    const char *audience)
{
    if (terms == NULL)
        return POLICY_SILENT;
    if (kind == POLICY_PROXY)
        return terms->proxy;
    if (kind == POLICY_STATEMENT) {
        if (terms->audiences == NULL)
            return POLICY_SILENT;
        return policy_any_fits(terms->audiences, audience) ? POLICY_YES : POLICY_NO;
    }
    if (terms->tokens < 0)
        return POLICY_SILENT;
    return ((unsigned)terms->tokens & 1U << kind) != 0 ? POLICY_YES : POLICY_NO;
}
