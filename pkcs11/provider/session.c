/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/session.h"

#include <stdlib.h>
#include <string.h>

struct session *session_new(struct sessions *sessions, CK_SLOT_ID slot, unsigned long insertion,
                            CK_FLAGS flags)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session;

        if (sessions->list[i] != NULL)
            continue;
        session = calloc(1, sizeof *session);
        if (session == NULL)
            return NULL;
        session->handle = ++sessions->last;
        session->slot = slot;
        session->insertion = insertion;
        session->flags = flags;
        sessions->list[i] = session;
        return session;
    }
    return NULL;
}

struct session *session_find(const struct sessions *sessions, CK_SESSION_HANDLE handle)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (sessions->list[i] != NULL && sessions->list[i]->handle == handle)
            return sessions->list[i];
    return NULL;
}

void session_free(struct sessions *sessions, struct session *session)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (sessions->list[i] == session)
            sessions->list[i] = NULL;
    session_keep(session, CK_INVALID_HANDLE, NULL, 0);
    free(session->found);
    explicit_bzero(session, sizeof *session);
    free(session);
}

void sessions_close(struct sessions *sessions, CK_SLOT_ID slot)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (sessions->list[i] != NULL && sessions->list[i]->slot == slot)
            session_free(sessions, sessions->list[i]);
}

void sessions_count(const struct sessions *sessions, CK_SLOT_ID slot, CK_ULONG *ret_all,
                    CK_ULONG *ret_writing)
{
    *ret_all = *ret_writing = 0;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (sessions->list[i] != NULL && sessions->list[i]->slot == slot) {
            ++*ret_all;
            *ret_writing += (sessions->list[i]->flags & CKF_RW_SESSION) != 0;
        }
}

void session_reset(struct session *session)
{
    session->operation = OPERATION_NONE;
    session->in_parts = false;
    explicit_bzero(session->input, sizeof session->input);
    session->input_len = 0;
}

void session_keep(struct session *session, CK_OBJECT_HANDLE of, unsigned char *value, size_t len)
{
    if (session->value != NULL)
        explicit_bzero(session->value, session->value_len);
    free(session->value);
    session->value_of = of;
    session->value = value;
    session->value_len = len;
}
