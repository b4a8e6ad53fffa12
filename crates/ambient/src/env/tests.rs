//! Settings: what is read, what is refused and how, and what is shown of them.

use super::*;

#[test]
fn every_mistake_is_reported_with_its_source_and_mend() {
    let env = Env::from([("PORT", "no"), ("LIMIT", "-1")]);
    let (config, _) = env.read(|read| {
        let port: u16 = read.setting("PORT", "A port, 0 to 65535.").or(3232);
        let limit: usize = read.setting("LIMIT", "A count.").or(5);
        (port, limit)
    });
    let text = config.unwrap_err().to_string();
    assert!(text.starts_with("2 mistakes in the settings\n"), "{text}");
    assert!(text.contains("PORT (test): `no` cannot be used"), "{text}");
    assert!(text.contains("A port, 0 to 65535."), "{text}");
    assert!(text.contains("LIMIT (test)"), "{text}");
}

#[test]
fn a_name_that_nobody_has_read_is_a_mistake() {
    let env = Env::from([("A_PORT", "1"), ("A_PROT", "1"), ("B", "1")]);
    let (config, _) = env.read(|read| {
        let port: u16 = read.setting("A_PORT", "").or(0);
        read.refuse_unknown("A_");
        port
    });
    assert_eq!(config.unwrap_err().0[0].setting, "A_PROT");
}

#[test]
fn what_kubernetes_says_of_services_is_no_wrong_name_and_a_mistake_is_told_once() {
    let env = Env::from([
        ("A_SERVICE_HOST", "10.0.0.1"),
        ("A_SERVER_SERVICE_PORT_HTTP", "80"),
        ("A_PORT", "tcp://10.0.0.1:80"),
        ("A_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("A_PORT_X", "1"),
    ]);
    let (config, _) = env.read(|read| {
        read.refuse_unknown("A_PORT_X");
        read.refuse_unknown("A_");
    });
    let named = config.unwrap_err().0.into_iter().map(|mistake| mistake.setting);
    assert_eq!(named.collect::<Vec<_>>(), ["A_PORT_X"]);
}

#[test]
fn what_holds_is_told_by_the_names_that_are_set() {
    let read = |read: &mut Reader<'_>, part| {
        let _ = read.setting_of("X_<NAME>_URL", part, "").or(7_u8);
        let _ = read.setting_of("X_<NAME>_KEY", part, "").secret();
    };
    let env = Env::from([("X_LAB_KEY", "hunter2"), ("Y", "1")]);
    let (_, settings) = env.read(|reader| read(reader, Some("lab")));
    let row = |name: &str, value: &str, source| (name.to_owned(), value.to_owned(), source);
    let rows = [row("X_LAB_URL", "7", "default"), row("X_LAB_KEY", "[redacted]", "test")];
    assert_eq!(env.in_force(&settings), rows);
    let (_, settings) = Env::default().read(|reader| read(reader, None));
    let rows = [row("X_<NAME>_URL", "7", "default"), row("X_<NAME>_KEY", "", "default")];
    assert_eq!(Env::default().in_force(&settings), rows);
}

#[test]
fn a_setting_of_several_things_is_documented_once() {
    let env = Env::from([("X_CORP_IT_URL", "1"), ("X_LAB_URL", "2"), ("X_LAB_ULR", "3")]);
    let (config, settings) = env.read(|read| {
        let mut url = |part| read.setting_of("X_<NAME>_URL", part, "").optional::<u8>();
        let urls = [Some("corp-it"), Some("lab"), None].map(&mut url);
        assert_eq!(urls, [Some(1), Some(2), None]);
        read.refuse_unknown("X_");
    });
    assert_eq!(settings.iter().map(|s| s.name).collect::<Vec<_>>(), ["X_<NAME>_URL"]);
    assert_eq!(config.unwrap_err().0[0].setting, "X_LAB_ULR");
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let env = Env::from([("PORT", ""), ("NAME", " "), ("KEY", "")]);
    let (config, settings) = env.read(|read| {
        (
            read.setting("PORT", "").or(1_u16),
            read.setting("NAME", "").optional::<String>(),
            read.setting("KEY", "").secret(),
        )
    });
    assert_eq!(config, Ok((1, None, None)));
    assert_eq!(settings.iter().map(|s| s.name).collect::<Vec<_>>(), ["PORT", "NAME", "KEY"]);
}

#[test]
fn a_setting_that_is_not_read_is_refused_with_what_is() {
    let env = Env::from([("OLD", "1"), ("EMPTY", "")]);
    let (config, settings) = env.read(|read| {
        read.refuse("OLD", "set NEW to seconds");
        read.refuse("EMPTY", "set NEW to seconds");
    });
    let text = config.unwrap_err().to_string();
    assert!(text.ends_with("OLD (test): is not read here; set NEW to seconds"), "{text}");
    assert!(settings.is_empty());
}

#[test]
fn a_name_that_is_nearly_a_setting_is_a_mistake_where_it_is_ours() {
    let mut env = Env::from([("A_SESION_TTL", "1"), ("SESION_TTL", "1"), ("A_TIMEOUT", "1")]);
    let wrong = |env: &Env| {
        let (read, _) = env.read(|read| {
            for name in ["A_SESSION_TTL", "SESSION_TTL"] {
                let _: u8 = read.setting(name, "").or(0);
            }
            read.refuse_misspelt(&["A_"]);
        });
        read.unwrap_err().to_string()
    };
    assert!(wrong(&env).starts_with("1 mistake"), "{}", wrong(&env));
    assert!(wrong(&env).contains("A_SESION_TTL (test): is not a setting; is A_SESSION_TTL"));
    env.values.insert("SESION_TTL".to_owned(), (Secret::new("1"), FILE));
    assert!(wrong(&env).contains("SESION_TTL (.env): is not a setting; is SESSION_TTL meant?"));
}

#[test]
fn a_value_out_of_its_range_is_a_mistake_that_names_the_range() {
    let read = |text| {
        let env = Env::from([("LIMIT", text)]);
        env.read(|read| read.setting("LIMIT", "A count.").within(1..=9, 5_u8)).0
    };
    assert_eq!((read("1"), read("9"), read("")), (Ok(1), Ok(9), Ok(5)));
    for wrong in ["0", "10"] {
        let text = read(wrong).unwrap_err().to_string();
        assert!(text.contains("is out of range; use 1 to 9. A count."), "{text}");
    }
    assert!(read("many").unwrap_err().to_string().starts_with("1 mistake"));
}

#[test]
fn a_secret_is_not_shown() {
    let env = Env::from([("KEY", "hunter2")]);
    let (config, _) = env.read(|read| {
        let key = read.setting("KEY", "").secret();
        read.mistake("KEY", "is too short; use 32 characters");
        key
    });
    assert!(!config.unwrap_err().to_string().contains("hunter2"));
    assert!(!format!("{env:?}").contains("hunter2"));
}

#[test]
fn secrets_in_urls_are_not_shown() {
    let env =
        Env::from([("PLACE", "https://u:hunter2@h/x?key=hunter2"), ("PORT", "h://a:hunter2@b")]);
    let (_, settings) = env.read(|read| read.setting("PLACE", "").optional::<String>());
    assert_eq!(env.effective(&settings[0]).0, "https://[redacted]@h/x?key=[redacted]");
    let (read, _) = env.read(|read| read.setting("PORT", "").or(1_u16));
    let text = read.unwrap_err().to_string();
    assert!(text.contains("`h://[redacted]@b` cannot be used"), "{text}");
}

#[test]
fn a_default_that_follows_from_later_settings_is_told() {
    let shown = |env: &Env| {
        let (_, settings) = env.read(|read| {
            let _ = read.setting("KEY", "").secret();
            read.holds("KEY", "[made up]");
        });
        env.effective(&settings[0]).0
    };
    assert_eq!(shown(&Env::default()), "[made up]");
    assert_eq!(shown(&Env::from([("KEY", "hunter2")])), "[redacted]");
}

#[test]
fn a_secret_comes_from_one_place() {
    let folder = std::env::temp_dir().join(format!("ambient-secret-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (full, empty) = (folder.join("full"), folder.join("empty"));
    fs::write(&full, "hunter2\n").unwrap();
    fs::write(&empty, "\n").unwrap();
    let read = |key: &str, file: &Path| {
        let env = Env::from([("KEY", key), ("KEY_FILE", file.to_str().unwrap())]);
        let (read, _) = env.read(|read| read.secret_or_file(("KEY", ""), ("KEY_FILE", "")));
        read.map(|secret| secret.map(|secret| secret.expose().to_owned()))
    };
    assert_eq!(read("", &full), Ok(Some("hunter2".to_owned())));
    assert_eq!(read("direct", Path::new("")), Ok(Some("direct".to_owned())));
    assert_eq!(read("", Path::new("")), Ok(None));
    for (key, file) in [("direct", &full), ("", &empty), ("", &folder.join("none"))] {
        assert_eq!(read(key, file).unwrap_err().0[0].setting, "KEY_FILE");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_is_below_the_process_and_a_broken_one_is_a_mistake() {
    let folder = std::env::temp_dir().join(format!("ambient-env-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("good");
    std::fs::write(&file, "# comment\nPORT=1\nNAME='two words'\n").unwrap();
    let mut env = Env::default();
    env.add_file(&file).unwrap();
    let (port, _) = env.read(|read| read.setting("PORT", "").or(0_u16));
    assert_eq!(port, Ok(1));
    std::fs::write(&file, "not a setting\n").unwrap();
    let mistakes = Env::default().add_file(&file).unwrap_err();
    assert!(mistakes.to_string().contains("NAME=value"), "{mistakes}");
    std::fs::remove_dir_all(folder).unwrap();
}
