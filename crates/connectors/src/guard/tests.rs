use super::*;

fn guard(allowed: &[&str]) -> Guard {
    let entries: Vec<String> = allowed.iter().map(|entry| (*entry).to_owned()).collect();
    Guard::new(AllowList::parse(&entries).unwrap())
}

#[test]
fn every_special_address_has_its_class_and_the_rest_is_public() {
    use AddressClass::*;
    let table = [
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("10.0.0.1", Private),
        ("172.15.255.255", Public),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("172.32.0.1", Public),
        ("192.168.1.1", Private),
        ("169.254.1.1", LinkLocal),
        ("169.254.169.254", Metadata),
        ("169.254.170.2", Metadata),
        ("100.100.100.200", Metadata),
        ("168.63.129.16", Metadata),
        ("100.64.0.1", CarrierNat),
        ("100.128.0.1", Public),
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Broadcast),
        ("192.0.2.1", Documentation),
        ("198.51.100.7", Documentation),
        ("203.0.113.9", Documentation),
        ("198.18.0.1", Benchmark),
        ("198.20.0.1", Public),
        ("192.0.0.8", Reserved),
        ("192.88.99.1", Reserved),
        ("8.8.8.8", Public),
        ("::1", Loopback),
        ("::", Unspecified),
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:169.254.169.254", Metadata),
        ("::ffff:8.8.8.8", Public),
        ("::ffff:0:10.0.0.1", Private),
        ("::127.0.0.1", Loopback),
        ("::8.8.8.8", Reserved),
        ("64:ff9b::10.0.0.1", Private),
        ("64:ff9b::8.8.8.8", Public),
        ("64:ff9b:1::1", Private),
        ("2002:7f00:1::1", Loopback),
        ("2002:0a00:1::", Private),
        ("2002:808:808::", Public),
        ("2001:0:808:808::f5ff:fffe", Private),
        ("2001:0:a00:1::f7f7:f7f7", Private),
        ("2001:0:808:808::f7f7:f7f7", Reserved),
        ("2606:4700::5efe:10.0.0.1", Private),
        ("fd00:ec2::254", Metadata),
        ("fd20:ce::254", Metadata),
        ("fd00::1", Private),
        ("fc00::1", Private),
        ("fec0::1", Private),
        ("fe80::1", LinkLocal),
        ("ff02::1", Multicast),
        ("2001:db8::1", Documentation),
        ("3fff::1", Documentation),
        ("2001:2::1", Benchmark),
        ("2001:20::1", Reserved),
        ("100::1", Reserved),
        ("5f00::1", Reserved),
        ("4000::1", Reserved),
        ("2606:4700:4700::1111", Public),
        ("2a00:1450:4001::200e", Public),
    ];
    for (address, class) in table {
        assert_eq!(classify(address.parse().unwrap()), class, "{address}");
    }
}

#[test]
fn urls_are_refused_for_what_they_themselves_tell() {
    let table = [
        ("https://api.example.com/", true),
        ("http://93.184.216.34/", true),
        ("ftp://example.com/", false),
        ("file:///etc/passwd", false),
        ("gopher://127.0.0.1:70/", false),
        ("data:text/plain,x", false),
        ("https://user@example.com/", false),
        ("https://user:pw@example.com/", false),
        ("http://127.0.0.1/", false),
        ("http://127.1/", false),
        ("http://2130706433/", false),
        ("http://0x7f000001/", false),
        ("http://0177.0.0.1/", false),
        ("http://0x7f.0.0.1/", false),
        ("http://017700000001/", false),
        ("http://[::1]/", false),
        ("http://[::ffff:7f00:1]/", false),
        ("http://[fe80::1]/", false),
        ("http://[64:ff9b::7f00:1]/", false),
        ("http://①②⑦.⓪.⓪.①/", false),
        ("http://169.254.169.254/latest/meta-data/", false),
        ("http://0/", false),
        ("http://10.1.2.3:8080/", false),
    ];
    for (url, fine) in table {
        let answer = guard(&[]).check_url(&Url::parse(url).unwrap());
        assert_eq!(answer.is_ok(), fine, "{url}: {answer:?}");
    }
}

#[test]
fn an_allowed_host_is_reached_and_only_that_one() {
    // list, host, port, address, whether it may be reached
    let table: [(&[&str], &str, u16, &str, bool); 22] = [
        (&[], "internal.corp", 80, "10.0.0.1", false),
        (&["internal.corp"], "internal.corp", 80, "10.0.0.1", true),
        (&["Internal.Corp."], "internal.corp.", 80, "10.0.0.1", true),
        (&["internal.corp"], "x.internal.corp", 80, "10.0.0.1", false),
        (&["internal.corp:8080"], "internal.corp", 8080, "10.0.0.1", true),
        (&["internal.corp:8080"], "internal.corp", 22, "10.0.0.1", false),
        (&["*.corp"], "a.b.corp", 80, "10.0.0.1", true),
        (&["*.corp"], "corp", 80, "10.0.0.1", false),
        (&["*.corp"], "evilcorp", 80, "10.0.0.1", false),
        (&["10.0.0.0/8"], "anything.example", 80, "10.9.9.9", true),
        (&["10.0.0.0/8"], "anything.example", 80, "192.168.0.1", false),
        (&["10.0.0.0/8:443"], "anything.example", 80, "10.9.9.9", false),
        (&["10.0.0.0/8:443"], "anything.example", 443, "10.9.9.9", true),
        (&["127.0.0.1"], "127.0.0.1", 80, "127.0.0.1", true),
        (&["127.0.0.1"], "[::ffff:7f00:1]", 80, "::ffff:127.0.0.1", true),
        (&["::1"], "localhost", 80, "::1", true),
        (&["[::1]:9000"], "localhost", 9000, "::1", true),
        (&["[::1]:9000"], "localhost", 9001, "::1", false),
        (
            &["169.254.0.0/16"],
            "169.254.169.254",
            80,
            "169.254.169.254",
            false,
        ),
        (&["0.0.0.0/0"], "rebind.example", 80, "169.254.169.254", false),
        (
            &["*.internal"],
            "metadata.google.internal",
            80,
            "169.254.169.254",
            false,
        ),
        (
            &["169.254.169.254"],
            "169.254.169.254",
            80,
            "169.254.169.254",
            true,
        ),
    ];
    for (list, host, port, address, fine) in table {
        let admitted = guard(list).admit(host, port, [address.parse().unwrap()]);
        assert_eq!(admitted.is_ok(), fine, "{list:?} {host}:{port} {address}");
    }
}

#[test]
fn of_several_addresses_only_the_public_ones_are_connected_to() {
    let resolved = [
        "10.0.0.1".parse().unwrap(),
        "8.8.8.8".parse().unwrap(),
        "::1".parse().unwrap(),
    ];
    let admitted = guard(&[]).admit("mixed.example", 443, resolved).unwrap();
    assert_eq!(admitted, ["8.8.8.8:443".parse().unwrap()]);
}

#[test]
fn a_refusal_does_not_tell_what_a_name_resolved_to() {
    let refusal = guard(&[])
        .admit("secret.corp", 80, ["10.11.12.13".parse().unwrap()])
        .unwrap_err();
    assert!(!refusal.to_string().contains("10.11"), "{refusal}");
    assert!(refusal.to_string().contains("private"), "{refusal}");
}

#[test]
fn entries_that_are_none_are_refused() {
    for entry in [
        "",
        "*",
        "*.",
        "http://x",
        "a b",
        "host:port",
        "10.0.0.0/99",
        "a/b",
        "*.*.x",
        "host:99999",
    ] {
        assert!(entry.parse::<AllowEntry>().is_err(), "{entry}");
    }
}
