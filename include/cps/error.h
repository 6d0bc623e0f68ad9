/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes of cps-agent: one list for the processes, the socket API and the client library.
 *
 * The public name (cps_error_name) is stable and is what programs should compare; the JSON-RPC
 * number only tells protocol errors from the others (JSON-RPC 2.0 section 5.1). Texts exist in
 * French and in English, each with one advised action. Names and texts are static: never freed by
 * the caller.
 */
#ifndef CPS_ERROR_H
#define CPS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cps_error {
    CPS_OK = 0,
    /* Requests on the socket */
    CPS_PARSE_ERROR,
    CPS_INVALID_REQUEST,
    CPS_METHOD_NOT_FOUND,
    CPS_INVALID_PARAMS,
    CPS_INTERNAL,
    CPS_TOO_LARGE,
    CPS_PROTOCOL_VERSION,
    CPS_TOO_MANY_REQUESTS,
    CPS_DEADLINE_EXCEEDED,
    CPS_CANCELLED,
    CPS_NOT_ALLOWED,
    CPS_CONSENT_REFUSED,
    CPS_RATE_LIMITED,
    CPS_AGENT_UNAVAILABLE,
    CPS_COMPONENT_FAILED,
    CPS_CONFIGURATION,
    CPS_STORAGE,
    /* Reader and card */
    CPS_PCSC_UNAVAILABLE,
    CPS_PCSC_REFUSED,
    CPS_NO_READER,
    CPS_NO_CARD,
    CPS_CARD_REMOVED,
    CPS_CARD_MUTE,
    CPS_CARD_UNSUPPORTED,
    CPS_CARD_BUSY,
    CPS_CARD_NOT_NOMINATIVE,
    CPS_CARD_CONTACTLESS,
    CPS_CARD_PROTOCOL,
    CPS_DECRYPT_FAILED,
    /* PIN and questions to the user */
    CPS_PIN_REQUIRED,
    CPS_PIN_WRONG,
    CPS_PIN_BLOCKED,
    CPS_PIN_INVALID,
    CPS_PIN_LAST_TRY,
    CPS_PUK_WRONG,
    CPS_PUK_BLOCKED,
    CPS_INTERACTION_REQUIRED,
    CPS_PROMPT_CANCELLED,
    CPS_PROMPT_TIMEOUT,
    CPS_PROMPT_UNAVAILABLE,
    /* Certificates */
    CPS_CERTIFICATE_INVALID,
    CPS_CERTIFICATE_UNTRUSTED,
    CPS_CERTIFICATE_EXPIRED,
    CPS_CERTIFICATE_REVOKED,
    CPS_REVOCATION_UNKNOWN,
    CPS_SIGNATURE_INVALID,
    CPS_BLOCKED_LOCALLY,
    CPS_DOWNLOAD_FAILED,
    /* Clinician session */
    CPS_NO_SESSION,
    CPS_SESSION_CHANGED,
    CPS_SESSION_LOCKED,
    CPS_OTHER_PERSON,
    CPS_SESSION_BACKGROUND,
    CPS_PRACTICE_UNKNOWN,
    CPS_TOKEN_UNAVAILABLE,
    /* Identity provider */
    CPS_PROVIDER_UNKNOWN,
    CPS_PROVIDER_UNAVAILABLE,
    CPS_PROVIDER_ANSWER,
    CPS_PROVIDER_DISCOVERY,
    CPS_PROVIDER_CLIENT,
    CPS_PUSH_LIMITED,
    CPS_LOGIN_REFUSED,
    CPS_PERSON_UNKNOWN,
    CPS_LOGIN_EXPIRED,
    CPS_AUTHORIZATION_RESPONSE,
    CPS_ID_TOKEN_REJECTED,
    CPS_STATEMENT_REJECTED,
    /* Authorization server of an API */
    CPS_API_UNKNOWN,
    CPS_API_UNAVAILABLE,
    CPS_API_REFUSED,
    CPS_API_ANSWER,
    CPS_ERROR_COUNT
} cps_error;

/* Text of one error: what happened, and the one action advised. UTF-8, static. */
typedef struct cps_error_text {
    const char *message_fr;
    const char *message_en;
    const char *advice_fr;
    const char *advice_en;
} cps_error_text;

/* The stable name, such as "PIN_WRONG". An unknown value gives "INTERNAL". */
const char *cps_error_name(cps_error error);

/* The error of that name, or CPS_INTERNAL when there is none. */
cps_error cps_error_from_name(const char *name);

/* The number used in the "code" member of a JSON-RPC error object. */
int cps_error_number(cps_error error);

/* The texts of an error; never NULL. */
const cps_error_text *cps_error_get_text(cps_error error);

#ifdef __cplusplus
}
#endif

#endif
