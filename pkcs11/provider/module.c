/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/module.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "pkcs11/provider/link.h"
#include "pkcs11/provider/rv.h"

/* The agent answers from memory; a program that starts gives it the time to read a card. */
#define LOOK_MS       2000
#define FIRST_LOOK_MS 5000

/* After an agent that did not answer in time: how long it is taken for away. */
#define AWAY_MIN_MS 5000
#define AWAY_MAX_MS 60000

/* Connections kept for the next use of a key. */
#define IDLE_MAX 4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct module module;

/* Also behind the lock. */
static struct link *watch; /* tells when anything about the cards has changed */
static struct link *idle[IDLE_MAX];
static bool looked;  /* the agent was asked once */
static bool watched; /* what comes and goes from now on is an event */
static int64_t away_until_ms;
static int64_t away_ms;
static unsigned long life; /* one more at each end of the module */

/* fork(): whether the state was at rest in the parent, and may be taken apart in the child. */
static bool at_rest;

static void token_clear(struct token *token)
{
    objects_free(token->objects, token->n_objects);
    json_decref(token->json);
    *token = (struct token){.insertion = token->insertion, .told = token->told};
}

static void drop_links(void)
{
    link_free(TAKE_PTR(watch));
    for (size_t i = 0; i < IDLE_MAX; i++)
        link_free(TAKE_PTR(idle[i]));
}

static void reset(void)
{
    for (CK_SLOT_ID slot = 0; slot < SLOTS; slot++) {
        sessions_close(&module.sessions, slot);
        token_clear(&module.tokens[slot]);
    }
    drop_links();
    module.initialized = false;
    looked = watched = false;
    away_until_ms = away_ms = 0;
    life++;
}

static void before_fork(void)
{
    at_rest = pthread_mutex_trylock(&lock) == 0;
}

static void in_parent(void)
{
    if (at_rest)
        pthread_mutex_unlock(&lock);
}

/*
 * The child has to call C_Initialize itself (PKCS#11 2.40, section 5.4). What another thread was
 * changing at that moment is left where it is.
 */
static void in_child(void)
{
    links_close_in_child();
    if (!at_rest) {
        memset(&module, 0, sizeof module);
        watch = NULL;
        memset(idle, 0, sizeof idle);
    }
    reset();
    pthread_mutex_init(&lock, NULL);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

CK_RV module_initialize(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CK_RV rv = CKR_OK;

    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    if (module.initialized)
        rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    module.initialized = true;
    pthread_mutex_unlock(&lock);
    return rv;
}

CK_RV module_finalize(void)
{
    struct module *locked;
    CK_RV rv = module_lock(&locked);

    if (rv != CKR_OK)
        return rv;
    reset();
    module_unlock();
    return CKR_OK;
}

CK_RV module_lock(struct module **ret_module)
{
    pthread_mutex_lock(&lock);
    if (!module.initialized) {
        pthread_mutex_unlock(&lock);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    *ret_module = &module;
    return CKR_OK;
}

void module_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

/* What a session may hold on to; the state of the PIN is not part of it. */
static bool same_view(const json_t *a, const json_t *b)
{
    static const char *const parts[] = {"card_id", "keys", "authorities", "objects"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        json_t *one = json_object_get(a, parts[i]);
        json_t *other = json_object_get(b, parts[i]);

        if (one != other && !json_equal(one, other))
            return false;
    }
    return true;
}

/* An id is printed into requests: it must need no escapes. */
static bool is_plain(const char *text)
{
    return text != NULL && strlen(text) <= CARD_ID_LEN_MAX &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
               '\0';
}

static void token_set(struct token *token, json_t *json)
{
    const char *id = json_get_string(json, "card_id");

    if (!is_plain(id))
        return;
    if (token->present && same_view(token->json, json)) {
        json_decref(token->json);
        token->json = json_incref(json);
        return;
    }
    token_clear(token);
    token->present = true;
    token->insertion = ++module.last_insertion;
    token->json = json_incref(json);
    memcpy(token->card_id, id, strlen(id) + 1);
    token->n_objects = objects_make(json, &token->objects);
}

static void take_tokens(const json_t *result)
{
    const json_t *list = json_get_array(result, "tokens");
    bool seen[SLOTS] = {false};
    size_t i;
    json_t *json;

    module.login_required = json_get_bool(result, "login_required", false);
    module.typed_pin = json_get_bool(result, "typed_pin", false);
    json_array_foreach (list, i, json) {
        int64_t slot = json_get_int(json, "slot", -1);

        if (slot < 0 || slot >= SLOTS || seen[slot])
            continue;
        seen[slot] = true;
        token_set(&module.tokens[slot], json);
    }
    for (size_t slot = 0; slot < SLOTS; slot++)
        if (!seen[slot])
            token_clear(&module.tokens[slot]);
}

/* Nobody there: no card. One that does not answer in time is not asked again for a while. */
static void lose_agent(cps_error error)
{
    link_free(TAKE_PTR(watch));
    for (size_t slot = 0; slot < SLOTS; slot++)
        token_clear(&module.tokens[slot]);
    if (error != CPS_DEADLINE_EXCEEDED)
        return;
    away_ms = away_ms == 0 ? AWAY_MIN_MS : away_ms * 2;
    if (away_ms > AWAY_MAX_MS)
        away_ms = AWAY_MAX_MS;
    away_until_ms = clock_boot_ms() + away_ms;
}

static cps_error ask_tokens(void)
{
    AUTO_JSON json_t *result = NULL;
    cps_error error = link_call(watch, "pkcs11.tokens", looked ? "" : "\"wait\":true",
                                looked ? LOOK_MS : FIRST_LOOK_MS, &result);

    if (error == CPS_OK) {
        take_tokens(result);
        looked = true;
        away_ms = 0;
    }
    return error;
}

/* Subscribed first: no change falls between the two. */
static cps_error connect_watch(void)
{
    cps_error error = link_open(LOOK_MS, &watch);

    if (error == CPS_OK)
        error = link_call(watch, "subscribe", "\"events\":[\"card\",\"health\"]", LOOK_MS, NULL);
    return error;
}

/* Bounded: at most a few seconds, once, when the agent does not answer; else one look at a socket.
 */
static void ask_for_news(void)
{
    cps_error error = CPS_OK;
    int news = watch != NULL ? link_news(watch) : -1;

    if (news == 0)
        return;
    if (news < 0) {
        link_free(TAKE_PTR(watch));
        if (clock_boot_ms() < away_until_ms)
            return;
        error = connect_watch();
    }
    if (error == CPS_OK)
        error = ask_tokens();
    if (error != CPS_OK)
        lose_agent(error);
}

static unsigned long current(const struct token *token)
{
    return token->present ? token->insertion : 0;
}

/* What the first look finds was there before: no event (PKCS#11 2.40, C_WaitForSlotEvent). */
static void look(void)
{
    ask_for_news();
    for (CK_SLOT_ID slot = 0; slot < SLOTS && !watched; slot++)
        module.tokens[slot].told = current(&module.tokens[slot]);
    watched = true;
}

CK_RV module_look(struct module **ret_module)
{
    CK_RV rv = module_lock(ret_module);

    if (rv == CKR_OK)
        look();
    return rv;
}

CK_RV module_token(struct module *locked, CK_SLOT_ID slot, struct token **ret_token)
{
    if (slot >= SLOTS)
        return CKR_SLOT_ID_INVALID;
    if (!locked->tokens[slot].present)
        return CKR_TOKEN_NOT_PRESENT;
    *ret_token = &locked->tokens[slot];
    return CKR_OK;
}

CK_RV module_session(CK_SESSION_HANDLE handle, struct module **ret_module,
                     struct session **ret_session, struct token **ret_token)
{
    struct session *session;
    struct token *token;
    CK_RV rv = module_look(ret_module);

    if (rv != CKR_OK)
        return rv;
    session = session_find(&module.sessions, handle);
    if (session == NULL) {
        module_unlock();
        return CKR_SESSION_HANDLE_INVALID;
    }
    token = &module.tokens[session->slot];
    if (session->busy) {
        module_unlock();
        return CKR_OPERATION_ACTIVE;
    }
    if (!token->present || token->insertion != session->insertion) {
        session_free(&module.sessions, session);
        module_unlock();
        return CKR_DEVICE_REMOVED;
    }
    *ret_session = session;
    *ret_token = token;
    return CKR_OK;
}

/* Handles tell the insertion: one of a card that has gone means nothing any more. */
CK_OBJECT_HANDLE module_handle(const struct token *token, size_t index)
{
    return (token->insertion << 16) + index + 1;
}

struct object *module_object(const struct token *token, CK_OBJECT_HANDLE handle)
{
    size_t index = (handle & 0xffff) - 1;
    struct object *object;

    if (handle >> 16 != token->insertion || index >= token->n_objects)
        return NULL;
    object = &token->objects[index];
    return object->private && !token->logged_in ? NULL : object;
}

static struct link *take_idle(void)
{
    for (size_t i = 0; i < IDLE_MAX; i++)
        if (idle[i] != NULL)
            return TAKE_PTR(idle[i]);
    return NULL;
}

static void give_back(struct link *link)
{
    if (link != NULL && link_is_usable(link))
        for (size_t i = 0; i < IDLE_MAX; i++)
            if (idle[i] == NULL) {
                idle[i] = link;
                return;
            }
    link_free(link);
}

/* A connection kept from before may be one to an agent that has gone: a new one is then made. */
static cps_error ask(struct link **link, const char *method, const char *params, int timeout_ms,
                     json_t **ret_result)
{
    cps_error error = CPS_OK;

    if (*link != NULL && link_news(*link) < 0)
        link_free(TAKE_PTR(*link));
    if (*link == NULL)
        error = link_open(LOOK_MS, link);
    return error == CPS_OK ? link_call(*link, method, params, timeout_ms, ret_result) : error;
}

CK_RV module_ask(struct session *session, const char *method, const char *params, int timeout_ms,
                 const char *member, char **ret_text)
{
    struct link *link = take_idle();
    CK_SESSION_HANDLE handle = session->handle;
    unsigned long mine = life;
    AUTO_JSON json_t *result = NULL;
    const char *text;
    cps_error error;

    session->busy = true;
    module_unlock();
    error = ask(&link, method, params, timeout_ms, &result);
    pthread_mutex_lock(&lock);
    if (!module.initialized || life != mine) {
        link_free(link);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    give_back(link);
    if (session_find(&module.sessions, handle) == NULL)
        return CKR_SESSION_CLOSED;
    session->busy = false;
    if (error != CPS_OK || member == NULL)
        return rv_of(error);
    text = json_get_string(result, member);
    *ret_text = text != NULL ? strdup(text) : NULL;
    return *ret_text != NULL ? CKR_OK : CKR_GENERAL_ERROR;
}

bool module_event(struct module *locked, CK_SLOT_ID *ret_slot)
{
    for (CK_SLOT_ID slot = 0; slot < SLOTS; slot++) {
        struct token *token = &locked->tokens[slot];

        if (token->told != current(token)) {
            token->told = current(token);
            *ret_slot = slot;
            return true;
        }
    }
    return false;
}
