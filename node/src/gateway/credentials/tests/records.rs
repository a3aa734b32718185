//! Schemas, status lists and accreditations over HTTP.

use starfire_did::credential::bitstring;

use super::*;

#[tokio::test]
async fn a_schema_is_served_as_registered_and_for_ever() {
    let node = world().await;
    let path = format!("/schemas/{}/origin/1", did(ISSUER, None));
    let reply = get(&node, &path).await;
    let tag = format!("\"{}\"", "ab".repeat(32));
    assert_eq!((reply.status, reply.body.as_slice()), (200, SCHEMA));
    reply
        .has("content-type: application/schema+json")
        .has("cache-control: public, max-age=31536000, immutable")
        .has(&format!("etag: {tag}"))
        .has("access-control-allow-origin: *");
    let again = format!("if-none-match: \"other\", {tag}\r\n");
    let reply = ask(&node, "GET", &path, &again, b"").await;
    assert_eq!((reply.status, reply.body.len()), (304, 0));

    let issuer = did(ISSUER, None);
    for (path, status, code) in [
        (
            format!("/schemas/{issuer}/origin/2"),
            404,
            "SCHEMA_NOT_FOUND",
        ),
        (
            format!("/schemas/{issuer}/other/1"),
            404,
            "SCHEMA_NOT_FOUND",
        ),
        (
            format!("/schemas/{issuer}/origin/01"),
            400,
            "INVALID_PARAMETER",
        ),
        (
            format!("/schemas/{issuer}/a%2Fb/1"),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "/schemas/did:web:a.example/origin/1".to_owned(),
            400,
            "INVALID_PARAMETER",
        ),
    ] {
        let reply = get(&node, &path).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (status, &json!(code)),
            "{path}"
        );
        reply.has("cache-control: no-cache");
    }
}

#[tokio::test]
async fn a_whole_list_is_what_its_record_commits_to() {
    let node = world().await;
    let issuer = did(ISSUER, None);
    let reply = get(&node, &format!("/status-lists/{issuer}/revoked")).await;
    let list = reply.json();
    assert_eq!(reply.status, 200, "{list}");
    let bits = bitstring::decode(list["encodedList"].as_str().unwrap()).unwrap();
    assert_eq!(bits, list_bits());
    assert_eq!(list["root"], json!(hex::encode(status_list::root(&bits))));
    assert_eq!(list["purpose"], json!("revocation"));
    assert_eq!(list["known_at_ms"], json!(1_795_000_002_000_i64));
    let proof = &list["proof"];
    assert_eq!(
        (&proof["type"], &proof["values"][0]["key"]),
        (
            &json!("StarfireStateProof2026"),
            &json!(format!("status-list/{issuer}/revoked"))
        )
    );
    let reply = get(&node, &format!("/status-lists/{issuer}/other")).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &json!("STATUS_LIST_NOT_FOUND"))
    );
}

#[tokio::test]
async fn a_lists_credential_is_the_one_that_its_issuer_published_or_none() {
    let issuer = did(ISSUER, None);
    let path = format!("/status-lists/{issuer}/revoked");
    let accept = "accept: application/vc\r\n";
    let reply = ask(&world().await, "GET", &path, accept, b"").await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &json!("STATUS_LIST_UNSIGNED"))
    );

    let mut records = records();
    let published = v1::DidResourceRecord {
        did: issuer.to_string(),
        name: "revoked".into(),
        version: 1,
        media_type: "application/vc".into(),
        ..Default::default()
    };
    records.extend(record(path::resource(&issuer, "revoked"), &published));
    records.insert(
        path::resource_content(&issuer, "revoked", 1),
        Some(b"{}".to_vec()),
    );
    let ended = v1::DidRecord {
        deactivated: true,
        ..did_record(ISSUER, None, 2)
    };
    let mut of_ended = records.clone();
    of_ended.extend(record(path::record(&issuer), &ended));
    let gone = proving(Node::main(of_ended).await);
    let reply = ask(&gone, "GET", &path, accept, b"").await;
    assert_eq!(
        (reply.status, &reply.json()["code"], &reply.json()["status"]),
        (410, &json!("DID_DEACTIVATED"), &json!(410))
    );

    let node = proving(Node::main(records).await);
    let reply = ask(&node, "GET", &path, accept, b"").await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
    reply.has("content-type: application/vc");
    assert_eq!(
        get(&node, &path).await.json()["purpose"],
        json!("revocation")
    );
}

#[tokio::test]
async fn an_entry_is_looked_up_by_query_and_as_a_credential_names_it() {
    let node = world().await;
    let issuer = did(ISSUER, None);
    let list = list_url(&issuer);
    for (index, set) in [(REVOKED_INDEX, true), (8, false), (LIST_BITS - 1, false)] {
        let path = format!("/credentials/status?list={list}&index={index}");
        let found = get(&node, &path).await.json();
        assert_eq!(found["set"], json!(set), "{found}");
        assert_eq!(found["proof"]["values"].as_array().unwrap().len(), 2);
    }
    let body = json!({ "credentialStatus": [entry(&issuer, 7), entry(&issuer, 8)] });
    let found = post(&node, "/credentials/status", &body).await.json();
    let sets: Vec<_> = found["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["set"])
        .collect();
    assert_eq!(sets, [&json!(true), &json!(false)]);

    let mut suspension = entry(&issuer, 8);
    suspension["statusPurpose"] = json!("suspension");
    let mut longer = entry(&issuer, 8);
    longer["statusSize"] = json!(2);
    longer["statusMessage"] = ["0x0", "0x1", "0x2", "0x3"]
        .map(|status| json!({ "status": status, "message": "m" }))
        .as_slice()
        .into();
    let set =
        json!({ "credentialId": "urn:a", "credentialStatus": entry(&issuer, 8), "status": true });
    let many = json!({ "credentialStatus": vec![entry(&issuer, 8); 17] });
    for (body, status, code) in [
        (
            json!({ "credentialStatus": suspension }),
            400,
            "STATUS_VERIFICATION_ERROR",
        ),
        (json!({ "credentialStatus": 7 }), 400, "STATUS_INVALID"),
        (
            json!({ "credentialStatus": { "type": "Other" } }),
            400,
            "MALFORMED_VALUE_ERROR",
        ),
        (json!({ "credentialStatus": longer }), 400, "STATUS_UNKNOWN"),
        (
            json!({ "credentialStatus": entry(&issuer, LIST_BITS) }),
            400,
            "STATUS_LIST_OUT_OF_RANGE",
        ),
        (
            json!({ "credentialStatus": entry(&did(HOLDER, None), 1) }),
            404,
            "STATUS_LIST_NOT_FOUND",
        ),
        (many, 400, "REQUEST_MALFORMED"),
        (set, 403, "STATUS_BY_ISSUER"),
    ] {
        let reply = post(&node, "/credentials/status", &body).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    let elsewhere = "/credentials/status?list=https://example.org/lists/1&index=1";
    assert_eq!(get(&node, elsewhere).await.status, 400);
}

#[tokio::test]
async fn accreditations_are_shown_up_to_the_root_with_their_judgement() {
    let issuer = did(ISSUER, None);
    let below = did(HOLDER, None);
    let mut records = records();
    let level = v1::AccreditationRecord {
        issuer: issuer.to_string(),
        r#type: "Quality".into(),
        jurisdiction: "CN".into(),
        valid_from_ms: 1_000,
        motion: 4,
        delegation_depth: 1,
        ..Default::default()
    };
    let own = v1::AccreditationRecord {
        issuer: below.to_string(),
        accreditor: issuer.to_string(),
        motion: 0,
        delegation_depth: 0,
        ..level.clone()
    };
    records.extend(record(
        path::accreditation(&issuer, "Quality", "CN"),
        &level,
    ));
    records.extend(record(path::accreditation(&below, "Quality", "CN"), &own));
    let node = proving(Node::main(records).await);
    let ask = async |issuer: &Did, kind: &str, place: &str, at: &str| {
        let path = format!("/accreditations?issuer={issuer}&type={kind}&jurisdiction={place}{at}");
        get(&node, &path).await.json()
    };
    let answer = ask(&below, "Quality", "CN", "").await;
    assert_eq!(answer["held"], json!(true), "{answer}");
    let holders: Vec<_> = answer["levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|level| &level["issuer"])
        .collect();
    assert_eq!(
        holders,
        [&json!(below.to_string()), &json!(issuer.to_string())]
    );
    assert_eq!(answer["proof"]["values"].as_array().unwrap().len(), 2);

    for (issuer, kind, place, at, code) in [
        (
            &below,
            "Quality",
            "CN",
            "&at=1970-01-01T00:00:00Z",
            "ACCREDITATION_NOT_YET_VALID",
        ),
        (
            &below,
            "Quality",
            "MY",
            "",
            "ACCREDITATION_OTHER_JURISDICTION",
        ),
        (&below, KIND, "CN", "", "ACCREDITATION_OTHER_TYPE"),
        (
            &did(STRANGER, None),
            KIND,
            "CN",
            "",
            "ACCREDITATION_NOT_FOUND",
        ),
    ] {
        let answer = ask(issuer, kind, place, at).await;
        assert_eq!(
            (&answer["held"], &answer["code"]),
            (&json!(false), &json!(code))
        );
    }
    for path in [
        "/accreditations?issuer=bob&type=Quality&jurisdiction=CN".to_owned(),
        format!("/accreditations?issuer={issuer}&type=Quality"),
        format!("/accreditations?issuer={issuer}&type=a/b&jurisdiction=CN"),
        format!("/accreditations?issuer={issuer}&type=Quality&jurisdiction=CN&at=now"),
    ] {
        assert_eq!(get(&node, &path).await.status, 400, "{path}");
    }
}
