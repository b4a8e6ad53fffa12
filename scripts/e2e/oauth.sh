# The OAuth side of the end-to-end test: discovery, registration, pages, tokens.
# shellcheck shell=bash
#
# What is learnt of a person is kept under their name: alice.code, alice.token, alice.refresh.

# Nobody listens here: the walk ends at the redirect.
REDIRECT_URI=http://127.0.0.1:41791/callback

# --- Discovery and registration ------------------------------------------------------------------

challenge_names_the_metadata() {
    local challenge url
    http POST "$BASE_URI/mcp" --header 'Content-Type: application/json' --data '{}'
    expect 401
    challenge=$(header www-authenticate)
    like www-authenticate '^Bearer ' "$challenge"
    url=$(sed -nE 's/.*resource_metadata="([^"]*)".*/\1/p' <<<"$challenge")
    like resource_metadata "^$BASE_URI/" "$url"
    http GET "$url"
    expect 200
    equal resource "$BASE_URI/mcp" "$(field .resource)"
    equal authorization_servers "$AUTH_SERVER_URL" "$(field '.authorization_servers[0]')"
}

metadata_documents_agree() {
    http GET "$AUTH_SERVER_URL/.well-known/oauth-authorization-server"
    expect 200
    equal issuer "$AUTH_SERVER_URL" "$(field .issuer)"
    equal challenge_methods '["S256"]' "$(field '.code_challenge_methods_supported | tojson')"
    local name
    for name in authorization token registration introspection revocation; do
        keep "$name.url" "$(field ".${name}_endpoint")"
    done
}

client_registers() {
    http POST "$(kept registration.url)" --header 'Content-Type: application/json' --data "$(
        jq -n --arg uri "$REDIRECT_URI" '{
            client_name: "end-to-end test", redirect_uris: [$uri], token_endpoint_auth_method: "none",
            grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] }'
    )"
    expect 201
    keep client.id "$(field .client_id)"
}

# --- The pages, as a person sees them ------------------------------------------------------------

# log_in WHO [DECISION] : the whole walk; keeps WHO.code and WHO.verifier.
log_in() {
    local who=$1 decision=${2:-approve}
    keep "$who.verifier" "$(openssl rand -hex 32)"
    keep state "$(openssl rand -hex 16)"
    rm -f "$WORK/$who.cookies"
    walk "$who" "$decision" "$(authorization_url "$who" "$REDIRECT_URI")"
    equal state "$(kept state)" "$(parameter state)"
    equal iss "$AUTH_SERVER_URL" "$(parameter iss)"
    [[ $decision == deny ]] || keep "$who.code" "$(parameter code)"
}

# authorization_url WHO REDIRECT_URI
authorization_url() {
    local challenge
    challenge=$(kept "$1.verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
    printf '%s?response_type=code&client_id=%s&redirect_uri=%s&state=%s&resource=%s' \
        "$(kept authorization.url)" "$(kept client.id)" "$(encoded "$2")" "$(kept state)" \
        "$(encoded "$BASE_URI/mcp")"
    printf '&code_challenge=%s&code_challenge_method=S256&scope=mcp' "$challenge"
}

# walk WHO DECISION URL : follows redirects and sends forms until the redirect to the client, whose
# address is kept as `callback`.
walk() {
    local who=$1 decision=$2 url=$3 location form=()
    for _ in {1..15}; do
        http GET "$url" --header 'Accept: text/html' "${form[@]}" \
            --cookie "$WORK/$who.cookies" --cookie-jar "$WORK/$who.cookies"
        location=$(header location)
        if [[ -n $location ]]; then
            form=()
            url=$(resolved "$url" "$location")
            if [[ $url == "$REDIRECT_URI"\?* ]]; then
                keep callback "$url"
                return
            fi
        else
            expect 200
            page_form
            form=(--request POST --header "Origin: $AUTH_SERVER_URL")
            fill_in "$who" "$decision"
            url=$(resolved "$url" "$(attribute action "$(kept form.tag)")")
        fi
    done
    fail "no redirect to $REDIRECT_URI; the last page was $url"
}

# page_form : keeps the first form of the page that logs in or decides, and its opening tag.
page_form() {
    tr '\n' ' ' <"$WORK/body" | awk 'BEGIN { RS = "</form>" } sub(/.*<form/, "<form")' |
        grep -E 'type="?password|name="?decision|<button' | sed -n 1p >"$WORK/form"
    [[ -s $WORK/form ]] || fail 'the page has no form'
    sed -E 's/^(<form[^>]*>).*/\1/' "$WORK/form" >"$WORK/form.tag"
}

# fill_in WHO DECISION : adds to the caller's `form` what a person would send.
fill_in() {
    local tag name
    while read -r tag; do
        name=$(attribute name "$tag")
        case $name in
            '') ;;
            username)
                # One of a list of users, or a field to type into.
                [[ $(attribute type "$tag") == radio && $(attribute value "$tag") != "$1" ]] ||
                    form+=(--data-urlencode "username=$1")
                ;;
            password) form+=(--data-urlencode "password=${DEMO_PASSWORD:-wonderland}") ;;
            *) form+=(--data-urlencode "$name=$(attribute value "$tag")") ;;
        esac
    done < <(grep -oE '<input[^>]*>' "$WORK/form")
    grep -oE '<button[^>]*>' "$WORK/form" >"$WORK/buttons"
    tag=$(grep -E "value=\"?$2" "$WORK/buttons" || head -n 1 "$WORK/buttons")
    [[ -z $(attribute name "$tag") ]] || form+=(--data-urlencode "$(attribute name "$tag")=$(attribute value "$tag")")
    ((${#form[@]} > 4)) || form+=(--data '')
}

# attribute NAME TAG : its value, without HTML's escapes.
attribute() {
    sed -nE "s/.*[[:space:]]$1=\"([^\"]*)\".*/\1/p; t; s/.*[[:space:]]$1=([^[:space:]>]*).*/\1/p" <<<"$2" |
        sed "s/&#34;/\"/g; s/&quot;/\"/g; s/&#39;/'/g; s/&#60;/</g; s/&lt;/</g; s/&#62;/>/g; s/&gt;/>/g; s/&#38;/\&/g; s/&amp;/\&/g"
}

# resolved BASE REFERENCE : for the three forms of reference that servers write.
resolved() {
    local base=${1%%\?*}
    case $2 in
        http://* | https://*) printf '%s' "$2" ;;
        /*) printf '%s%s' "$(sed -E 's|^([a-z]+://[^/]*).*|\1|' <<<"$base")" "$2" ;;
        '') printf '%s' "$1" ;;
        *) printf '%s/%s' "${base%/*}" "$2" ;;
    esac
}

# parameter NAME : of the callback.
parameter() {
    local value
    value=$(kept callback | sed -nE "s/.*[?&]$1=([^&]*).*/\1/p")
    [[ -n $value ]] || fail "the callback has no $1: $(kept callback)"
    printf '%b' "${value//%/\\x}"
}

encoded() {
    jq -rn --arg text "$1" '$text | @uri'
}

# --- Tokens --------------------------------------------------------------------------------------

# redeem WHO VERIFIER
redeem() {
    http POST "$(kept token.url)" --data-urlencode grant_type=authorization_code \
        --data-urlencode "code=$(kept "$1.code")" --data-urlencode "code_verifier=$2" \
        --data-urlencode "redirect_uri=$REDIRECT_URI" --data-urlencode "client_id=$(kept client.id)" \
        --data-urlencode "resource=$BASE_URI/mcp"
}

code_is_redeemed() {
    redeem "$1" "$(kept "$1.verifier")"
    expect 200
    like token_type '^[Bb]earer$' "$(field .token_type)"
    like cache-control no-store "$(header cache-control)"
    keep "$1.token" "$(field .access_token)"
    keep "$1.refresh" "$(field .refresh_token)"
}

# introspect TOKEN [SECRET]
introspect() {
    http POST "$(kept introspection.url)" --user "$MCP_AUTH_CLIENT_ID:${2:-$MCP_AUTH_CLIENT_SECRET}" \
        --data-urlencode "token=$1"
}

token_is_active() {
    introspect "$(kept "$1.token")"
    expect 200
    equal active true "$(field .active)"
    equal aud "$BASE_URI/mcp" "$(field '[.aud] | flatten | first')"
    equal client_id "$(kept client.id)" "$(field .client_id)"
}

introspection_needs_credentials() {
    introspect "$(kept alice.token)" wrong-secret
    expect 401
    introspect not-a-token
    expect 200
    equal active false "$(jq -r .active "$WORK/body")"
}

wrong_verifier_is_refused() {
    log_in carol
    redeem carol "$(openssl rand -hex 32)"
    expect 400
    equal error invalid_grant "$(field .error)"
}

code_is_redeemed_once() {
    log_in carol
    code_is_redeemed carol
    redeem carol "$(kept carol.verifier)"
    expect 400
    equal error invalid_grant "$(field .error)"
}

person_can_deny() {
    log_in carol deny
    equal error access_denied "$(parameter error)"
}

almost_matching_redirect_is_refused() {
    http GET "$(authorization_url alice "$REDIRECT_URI/")"
    expect 400
    equal location '' "$(header location)"
}

second_user_logs_in() {
    log_in bob
    code_is_redeemed bob
    token_is_active bob
}

refresh_brings_new_tokens() {
    local old
    old=$(kept alice.token)
    http POST "$(kept token.url)" --data-urlencode grant_type=refresh_token \
        --data-urlencode "refresh_token=$(kept alice.refresh)" \
        --data-urlencode "client_id=$(kept client.id)" --data-urlencode "resource=$BASE_URI/mcp"
    expect 200
    keep alice.token "$(field .access_token)"
    keep alice.refresh "$(field .refresh_token)"
    [[ $(kept alice.token) != "$old" ]] || fail 'the access token is the old one'
    modern_call_answers alice 200
}

revoked_token_is_useless() {
    http POST "$(kept revocation.url)" --data-urlencode "token=$(kept alice.token)" \
        --data-urlencode "client_id=$(kept client.id)"
    expect 200
    introspect "$(kept alice.token)"
    expect 200
    equal active false "$(jq -r .active "$WORK/body")"
    becomes alice 401
}
